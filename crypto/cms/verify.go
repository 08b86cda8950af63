package cms

import (
	"bytes"
	"crypto/subtle"
	"crypto/x509"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"bankconnector/crypto/cms/message"
	"bankconnector/crypto/pki"
	"bankconnector/crypto/trust"
)

// Verify judges a detached signature over content, received at a moment. sig is DER, PEM or base64. It never fails
// otherwise than by its Verdict, and what it costs is bounded by the size of content and 1 MiB of signature.
//
// The order: size and form, algorithms, signed attributes, pinned signer, signing certificate, content digest,
// signature, fitness of the certificate, chain and revocation, claimed time. A replay of a good signature over the same
// content is good here: the journal refuses it.
func (p *Policy) Verify(content, sig []byte, at time.Time) Verdict {
	var v Verdict
	m, refusal := p.open(content, sig)
	if refusal != nil {
		return v.conclude(refusal, nil, at)
	}
	sums := make(map[pki.Digest][]byte)
	for i := range m.Signers {
		c := &check{policy: p, message: m, signer: &m.Signers[i], at: at, taken: v.Signers}
		refusal := c.run(content, sums)
		if i == 0 {
			v.Signer, v.SigningTime, v.Chain = c.cert, c.claimed, c.path
		}
		if refusal != nil {
			return v.conclude(refusal, c.cert, at)
		}
		v.Signers = append(v.Signers, c.cert)
	}
	return v.conclude(nil, v.Signer, at)
}

// open reads the message and judges all that does not depend on who signed.
func (p *Policy) open(content, sig []byte) (*message.Message, *pki.Refusal) {
	m, refusal := message.Read(sig, p.BER)
	if refusal != nil {
		return nil, refusal
	}
	if p.DEROnly && (m.Form == "pem" || m.Form == "base64") {
		return nil, refuse(m.Form, "the signature is wrapped as %s, the policy wants DER", m.Form)
	}
	if m.ContentType != oidData {
		return nil, refuse("content-type", "the signed content is of type %s, not data", m.ContentType)
	}
	if m.Attached && (!p.Attached || !bytes.Equal(m.Content, content)) {
		return nil, refuse("attached", "the message holds %d octets of content of its own", len(m.Content))
	}
	want := max(p.Signatures, 1)
	switch n := len(m.Signers); {
	case n == 0:
		return nil, refuse("no-signers", "the message holds no signature")
	case n != want:
		return nil, refuse("two-signers", "the message holds %d signatures, the policy wants %d", n, want)
	}
	if refusal := checkVersions(m); refusal != nil {
		return nil, refusal
	}
	return m, p.checkBag(m)
}

// checkVersions applies RFC 5652 sections 5.1 and 5.3: a signer named by key identifier is version 3 and makes the
// message version 3; otherwise both are 1.
func checkVersions(m *message.Message) *pki.Refusal {
	whole := 1
	for _, si := range m.Signers {
		want := 1
		if si.KeyID != nil {
			want, whole = 3, 3
		}
		if si.Version != want {
			return refuse("version", "SignerInfo version %d, want %d", si.Version, want)
		}
	}
	if m.Version != whole {
		return refuse("version", "SignedData version %d, want %d", m.Version, whole)
	}
	return nil
}

// checkBag refuses a message whose certificates or CRLs are not such. Nothing is taken from them, but what other tools
// cannot even read must not pass here either.
func (p *Policy) checkBag(m *message.Message) *pki.Refusal {
	if p.LooseBag {
		return nil
	}
	for i, raw := range m.Certificates {
		if p.certificate(raw) == nil {
			return refuse("certificates", "certificate %d of the message cannot be read", i+1)
		}
	}
	for i, raw := range m.CRLs {
		if _, err := x509.ParseRevocationList(raw); err != nil {
			return refuse("certificates", "CRL %d of the message cannot be read", i+1)
		}
	}
	return nil
}

// check is the judgement of one SignerInfo.
type check struct {
	policy  *Policy
	message *message.Message
	signer  *message.Signer
	at      time.Time
	taken   []*pki.Certificate // signers of the same message that were judged good before

	scheme  scheme
	cert    *pki.Certificate
	path    []*pki.Certificate
	claimed time.Time
}

func (c *check) run(content []byte, sums map[pki.Digest][]byte) *pki.Refusal {
	var refusal *pki.Refusal
	if c.scheme, refusal = c.policy.scheme(c.message, c.signer); refusal != nil {
		return refusal
	}
	for _, step := range []func() *pki.Refusal{c.attributes, c.find} {
		if refusal := step(); refusal != nil {
			return refusal
		}
	}
	h := c.scheme.digest
	if sums[h] == nil {
		sums[h] = h.Sum(content)
	}
	if refusal := c.digest(sums[h]); refusal != nil {
		return refusal
	}
	for _, step := range []func() *pki.Refusal{c.signature, c.standing, c.time} {
		if refusal := step(); refusal != nil {
			return refusal
		}
	}
	return nil
}

// attributes judges the signed attributes as a set (RFC 5652 section 5.4, RFC 5126 section 5.7).
func (c *check) attributes() *pki.Refusal {
	si := c.signer
	if !si.HasSigned {
		return refuse("no-signed-attrs", "the signature covers the bare content, without signed attributes")
	}
	seen := make(map[string]bool, len(si.Signed))
	for i, a := range si.Signed {
		if i > 0 && bytes.Compare(si.Signed[i-1].Raw, a.Raw) > 0 {
			return refuse("not-der", "the signed attributes are not in DER order")
		}
		if seen[a.OID] {
			return refuse("duplicate-attribute", "signed attribute %s twice", a.OID)
		}
		if seen[a.OID] = true; len(a.Values) != 1 {
			return refuse("attribute-values", "signed attribute %s has %d values", a.OID, len(a.Values))
		}
	}
	switch {
	case !seen[oidMessageDigest]:
		return refuse("no-message-digest", "the signed attribute messageDigest is missing")
	case !seen[oidContentType]:
		return refuse("no-content-type", "the signed attribute contentType is missing")
	case !seen[oidSigningCert2] && (!c.policy.SigningCertificateOptional || len(c.policy.Signers) == 0):
		return refuse("no-signing-certificate", "the signed attribute signingCertificateV2 is missing")
	}
	s := cryptobyte.String(si.One(oidContentType))
	var kind cryptobyte.String
	if !s.ReadASN1(&kind, der.OBJECT_IDENTIFIER) || !s.Empty() {
		return refuse("content-type", "the contentType attribute is malformed")
	}
	if want := encodeOID(c.message.ContentType); !bytes.Equal(si.One(oidContentType), want) {
		return refuse("content-type", "the contentType attribute names another type than the message")
	}
	if value := si.One(oidSigningTime); value != nil {
		var ok bool
		if c.claimed, ok = readTime(value); !ok {
			return refuse("signing-time", "the signingTime attribute is malformed")
		}
	}
	return nil
}

func encodeOID(id string) []byte {
	var b cryptobyte.Builder
	b.AddASN1ObjectIdentifier(oid(id))
	out, _ := b.Bytes() // constants and OIDs that were just read
	return out
}

// find names the signer: a certificate of the policy that the signature points to by issuer and serial number or by key
// identifier, and that signingCertificateV2 binds. The message's own certificates are asked only when the policy goes
// by authority and the bank's card.
func (c *check) find() *pki.Refusal {
	var known []*pki.Certificate
	for _, pin := range c.policy.Signers {
		known = append(known, pin.Certificate)
	}
	if len(known) == 0 {
		known = c.policy.bag(c.message)
	}
	var refusal *pki.Refusal
	for _, cert := range known {
		if !names(c.signer, cert) {
			continue
		}
		bad := c.binding(cert)
		if bad == nil {
			bad = c.policy.admit(cert, c.at)
		}
		if bad == nil && cert.Key.Algorithm() != c.scheme.key && (c.scheme.key != "ecdsa" ||
			cert.Key.Algorithm() != pki.ECDSAP256 && cert.Key.Algorithm() != pki.ECDSAP384) {
			bad = refuse("algorithm", "a %s signature under the %s key of %s", c.scheme.key, cert.Key.Algorithm(), cert)
		}
		if bad == nil && slices.ContainsFunc(c.taken, func(o *pki.Certificate) bool { return o.Matches(cert.Key) }) {
			bad = refuse("two-signers", "%s signed the message twice", cert)
		}
		if bad == nil {
			c.cert = cert
			return nil
		}
		if refusal == nil {
			refusal = bad
			c.cert = cert
		}
	}
	if refusal == nil {
		refusal = refuse("not-pinned", "signed by %s, which is none of the known certificates", signerID(c.signer))
	}
	return refusal
}

func names(si *message.Signer, c *pki.Certificate) bool {
	if si.KeyID != nil {
		return bytes.Equal(si.KeyID, c.X509.SubjectKeyId)
	}
	var b cryptobyte.Builder
	b.AddASN1BigInt(c.X509.SerialNumber)
	serial, err := b.Bytes()
	return err == nil && bytes.Equal(si.Issuer, c.X509.RawIssuer) && bytes.Equal(si.Serial, serial)
}

// binding checks signingCertificateV2 (RFC 5035): its first entry must be the hash of the signer's certificate.
// SigningCertificateV2 ::= SEQUENCE { certs SEQUENCE OF ESSCertIDv2, policies SEQUENCE OPTIONAL }.
func (c *check) binding(cert *pki.Certificate) *pki.Refusal {
	value := c.signer.One(oidSigningCert2)
	if value == nil {
		return nil
	}
	bad := func(what string) *pki.Refusal { return refuse("signing-certificate", "signingCertificateV2: %s", what) }
	s := cryptobyte.String(value)
	var seq, ids, id cryptobyte.String
	var sum []byte
	if !s.ReadASN1(&seq, der.SEQUENCE) || !s.Empty() || !seq.ReadASN1(&ids, der.SEQUENCE) || !seq.SkipOptionalASN1(der.SEQUENCE) ||
		!seq.Empty() || !ids.ReadASN1(&id, der.SEQUENCE) {
		return bad("malformed")
	}
	h := pki.SHA256 // the default of RFC 5035; some software spells it out against DER, which changes nothing
	if id.PeekASN1Tag(der.SEQUENCE) {
		a, ok := message.ReadAlgorithm(&id)
		if !ok || !a.Plain() {
			return bad("malformed hash algorithm")
		}
		var known bool
		if h, known = digestOf(a.OID); known && h == "" {
			return refuse("weak-digest", "signingCertificateV2 names the certificate by the withdrawn hash %s", a.OID)
		} else if !known {
			return refuse("algorithm", "signingCertificateV2 names the certificate by the unknown hash %s", a.OID)
		}
	}
	if !id.ReadASN1Bytes(&sum, der.OCTET_STRING) {
		return bad("malformed")
	}
	if !id.Empty() && !namesIssuer(id, cert) {
		return bad("its issuer and serial number are not those of the signer's certificate")
	}
	if !bytes.Equal(sum, cert.Sum(h)) {
		return bad("it binds another certificate than the signer's")
	}
	return nil
}

// namesIssuer reads IssuerSerial ::= SEQUENCE { GeneralNames, INTEGER } with exactly one directoryName.
func namesIssuer(s cryptobyte.String, cert *pki.Certificate) bool {
	var pair, general, name, serial cryptobyte.String
	if !s.ReadASN1(&pair, der.SEQUENCE) || !s.Empty() || !pair.ReadASN1(&general, der.SEQUENCE) ||
		!general.ReadASN1(&name, der.Tag(4).Constructed().ContextSpecific()) || !general.Empty() ||
		!pair.ReadASN1Element(&serial, der.INTEGER) || !pair.Empty() {
		return false
	}
	return names(&message.Signer{Issuer: name, Serial: serial}, cert)
}

func (c *check) digest(sum []byte) *pki.Refusal {
	s := cryptobyte.String(c.signer.One(oidMessageDigest))
	var claimed []byte
	if !s.ReadASN1Bytes(&claimed, der.OCTET_STRING) || !s.Empty() {
		return refuse("digest-mismatch", "the messageDigest attribute is malformed")
	}
	if subtle.ConstantTimeCompare(claimed, sum) != 1 {
		return refuse("digest-mismatch", "the signature is over other content: it names %s %x, this content has %x", c.scheme.digest, claimed, sum)
	}
	return nil
}

// signature verifies the value over the signed attributes, hashed as a SET OF (RFC 5652 section 5.4), and that no
// certificate in the message poses as the signer's.
func (c *check) signature() *pki.Refusal {
	h := c.scheme.digest.New()
	h.Write(message.Encode(0x31, c.signer.SignedRaw))
	if !c.scheme.verify(c.cert.Key, h.Sum(nil), c.signer.Value) {
		return refuse("signature", "the signature does not verify under the key of %s", c.cert)
	}
	for _, raw := range c.message.Certificates {
		if bytes.Equal(raw, c.cert.Raw) {
			continue
		}
		if other := c.policy.certificate(raw); other != nil && names(c.signer, other) {
			return refuse("signing-certificate", "the message holds another certificate under the signer's name: %s", other)
		}
	}
	return nil
}

// standing judges the signer's certificate at the time of receipt: what the message claims about time has no say here.
func (c *check) standing() *pki.Refusal {
	if refusal := trust.CheckSigner(c.cert, c.at, c.policy.KeyPeriodOptional); refusal != nil {
		return refusal
	}
	var refusal *pki.Refusal
	c.path, refusal = c.policy.chain(c.cert, c.message, c.at)
	return refusal
}

// time judges the claimed signing time: within the certificate's validity and not after receipt.
func (c *check) time() *pki.Refusal {
	if c.claimed.IsZero() {
		return nil
	}
	skew := c.policy.Skew
	if skew == 0 {
		skew = defaultSkew
	}
	x := c.cert.X509
	if c.claimed.After(c.at.Add(skew)) {
		return refuse("signing-time", "it claims to be signed at %s, after it was received at %s", bound(c.claimed), bound(c.at))
	}
	if c.claimed.Before(x.NotBefore) || c.claimed.After(x.NotAfter) {
		return refuse("signing-time", "it claims to be signed at %s, outside the validity of %s", bound(c.claimed), c.cert)
	}
	return nil
}

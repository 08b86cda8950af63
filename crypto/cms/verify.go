package cms

import (
	"bytes"
	"cmp"
	"crypto/subtle"
	"crypto/x509"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"bankconnector/crypto/cms/codes"
	"bankconnector/crypto/cms/message"
	"bankconnector/crypto/cms/trust"
	"bankconnector/crypto/pki"
)

// Verify judges a detached signature over content, received at a moment. sig is DER, PEM or base64. It never fails
// otherwise than by its Verdict, and what it costs is bounded by the size of content and 1 MiB of signature.
//
// The order: size and form, algorithms, signed attributes, pinned signer, signing certificate, content digest,
// signature, fitness of the certificate, chain and revocation, claimed time. A replay of a good signature over the same
// content is good here: the journal refuses it.
func (p *Policy) Verify(content, sig []byte, at time.Time) Verdict {
	var v Verdict
	m, b, refusal := p.open(content, sig)
	if refusal != nil {
		return v.conclude(refusal, nil, at)
	}
	sums := make(map[pki.Digest][]byte)
	for i := range m.Signers {
		c := &check{policy: p, message: m, bag: b, signer: &m.Signers[i], at: at, taken: v.Signers}
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
func (p *Policy) open(content, sig []byte) (*message.Message, *bag, *pki.Refusal) {
	m, refusal := message.Read(sig, p.BER)
	if refusal != nil {
		return nil, nil, refusal
	}
	if refusal := p.checkForm(m, content); refusal != nil {
		return nil, nil, refusal
	}
	b, refusal := p.readBag(m)
	return m, b, refusal
}

func (p *Policy) checkForm(m *message.Message, content []byte) *pki.Refusal {
	want := max(p.Signatures, 1)
	switch n := len(m.Signers); {
	case p.DEROnly && (m.Form == "pem" || m.Form == "base64"):
		return refuse(m.Form, "the signature is wrapped as %s, the policy wants DER", m.Form)
	case m.ContentType != cmp.Or(p.ContentType, oidData):
		return refuse("content-type", "the signed content is of type %s, not %s", m.ContentType, codes.Name(cmp.Or(p.ContentType, oidData)))
	case m.Attached && (!p.Attached || !bytes.Equal(m.Content, content)):
		return refuse("attached", "the message holds %d octets of content of its own", len(m.Content))
	case n == 0:
		return refuse("no-signers", "the message holds no signature")
	case n != want:
		return refuse("two-signers", "the message holds %d signatures, the policy wants %d", n, want)
	}
	return checkVersions(m)
}

// checkVersions applies RFC 5652 sections 5.1 and 5.3: a signer named by key identifier is version 3 and makes the
// message version 3, as does content that is not data; otherwise both are 1.
func checkVersions(m *message.Message) *pki.Refusal {
	whole := 1
	if m.ContentType != oidData {
		whole = 3
	}
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

// bag is what came along with a message: all readable certificates, and those of them whose keys are fit for use.
type bag struct {
	all []*x509.Certificate
	fit []*pki.Certificate
}

// readBag reads the bag and refuses a message in which a certificate or a CRL is not such. Nothing is believed of them,
// but what other tools cannot even read must not pass here either. An old authority with a withdrawn key is no fault.
func (p *Policy) readBag(m *message.Message) (*bag, *pki.Refusal) {
	b := new(bag)
	for i, raw := range m.Certificates {
		c, err := p.certificate(raw)
		if err == nil {
			b.all, b.fit = append(b.all, c.X509), append(b.fit, c)
		} else if x, err := x509.ParseCertificate(raw); err == nil {
			b.all = append(b.all, x)
		} else if !p.LooseBag {
			return nil, refuse("certificates", "certificate %d of the message: %v", i+1, err)
		}
		if !p.LooseBag && !pki.WellFormed(raw, false) {
			return nil, refuse("certificates", "certificate %d of the message is malformed", i+1)
		}
	}
	for i, raw := range m.CRLs {
		if !p.LooseBag && !pki.WellFormed(raw, true) {
			return nil, refuse("certificates", "CRL %d of the message is malformed", i+1)
		}
	}
	return b, nil
}

// check is the judgement of one SignerInfo.
type check struct {
	policy  *Policy
	message *message.Message
	bag     *bag
	signer  *message.Signer
	at      time.Time
	taken   []*pki.Certificate // signers of the same message that were judged good before

	scheme  scheme
	cert    *pki.Certificate
	path    []*pki.Certificate
	bound   []certID // that the signature binds besides the signer's
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
	for _, step := range []func() *pki.Refusal{c.signature, c.standing, c.further, c.time, c.places} {
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
	return protection(si)
}

func encodeOID(id string) []byte {
	var b cryptobyte.Builder
	b.AddASN1ObjectIdentifier(message.OID(id))
	out, _ := b.Bytes() // constants and OIDs that were just read
	return out
}

// find names the signer: a certificate of the policy that the signature points to by issuer and serial number or by key
// identifier, and that signingCertificateV2 binds. The message's own certificates are asked only when the policy goes
// by authority and the bank's card.
func (c *check) find() *pki.Refusal {
	known := make([]*pki.Certificate, 0, len(c.policy.Signers))
	for _, pin := range c.policy.Signers {
		known = append(known, pin.Certificate)
	}
	if len(known) == 0 {
		known = c.bag.fit
	}
	var refusal *pki.Refusal
	for _, cert := range known {
		if !names(c.signer, cert.X509) {
			continue
		}
		if bad := c.binding(cert); bad != nil {
			if c.cert == nil {
				refusal = bad
			}
			continue
		}
		c.cert = cert // the one that is meant; two pins may share a key identifier, but not the binding
		if refusal = c.entitled(cert); refusal == nil {
			return nil
		}
	}
	if refusal == nil {
		refusal = refuse("not-pinned", "signed by %s, which is none of the known certificates", signerID(c.signer))
	}
	return refusal
}

// entitled judges the certificate that is meant against the policy and the signature's algorithm.
func (c *check) entitled(cert *pki.Certificate) *pki.Refusal {
	if refusal := c.policy.admit(cert, c.at); refusal != nil {
		return refusal
	}
	if !c.scheme.fits(cert.Key) {
		return refuse("algorithm", "a %s signature under the %s key of %s", c.scheme.key, cert.Key.Algorithm(), cert)
	}
	if slices.ContainsFunc(c.taken, func(o *pki.Certificate) bool { return o.Matches(cert.Key) }) {
		return refuse("two-signers", "%s signed the message twice", cert)
	}
	return nil
}

func names(si *message.Signer, x *x509.Certificate) bool {
	if si.KeyID != nil {
		return bytes.Equal(si.KeyID, x.SubjectKeyId)
	}
	var b cryptobyte.Builder
	b.AddASN1BigInt(x.SerialNumber)
	serial, err := b.Bytes()
	return err == nil && bytes.Equal(si.Issuer, x.RawIssuer) && bytes.Equal(si.Serial, serial)
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
	for _, other := range c.bag.all {
		if !bytes.Equal(other.Raw, c.cert.Raw) && names(c.signer, other) {
			return refuse("signing-certificate", "the message holds another certificate under the name and number of %s", c.cert)
		}
	}
	return nil
}

// standing judges the signer's certificate at the time of receipt: what the message claims about time has no say here.
func (c *check) standing() *pki.Refusal {
	if refusal := trust.CheckSigner(c.cert, c.at, c.policy.KeyPeriodOptional, c.policy.Purposes...); refusal != nil {
		return refusal
	}
	var refusal *pki.Refusal
	c.path, refusal = c.policy.chain(c.cert, c.bag.fit, c.at)
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

// places refuses attributes on the wrong side (RFC 5652 section 11, RFC 5035 section 5.4): those that say what was signed
// must not stand among the unsigned ones, a countersignature not among the signed ones. Nothing is read from there, so
// this comes last; but a message that is not CMS to others must not be good here.
func (c *check) places() *pki.Refusal {
	for _, a := range c.signer.Unsigned {
		switch a.OID {
		case oidContentType, oidMessageDigest, oidSigningTime, oidSigningCert1, oidSigningCert2, oidReceipt:
			return refuse("attribute-place", "attribute %s stands among the unsigned ones", codes.Name(a.OID))
		}
	}
	for _, a := range c.signer.Signed {
		if a.OID == oidCountersign {
			return refuse("attribute-place", "attribute %s stands among the signed ones", codes.Name(a.OID))
		}
	}
	return nil
}

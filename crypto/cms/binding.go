package cms

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // signingCertificate v1 knows nothing else; it is checked, never relied on
	"slices"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"bankconnector/crypto/cms/codes"
	"bankconnector/crypto/cms/message"
	"bankconnector/crypto/pki"
)

// certID names a certificate by its hash and, optionally, its issuer and serial number: ESSCertID (RFC 2634) or
// ESSCertIDv2 (RFC 5035).
type certID struct {
	digest pki.Digest // "" is SHA-1, in v1
	sum    []byte
	named  *message.Signer // nil when issuer and serial number are left out
}

func (id *certID) matches(c *pki.Certificate) bool {
	if id.named != nil && !names(id.named, c.X509) {
		return false
	}
	if id.digest == "" {
		sum := sha1.Sum(c.Raw) //nolint:gosec // see the import
		return bytes.Equal(id.sum, sum[:])
	}
	return bytes.Equal(id.sum, c.Sum(id.digest))
}

// binding checks signingCertificateV2, and the old signingCertificate where it stands beside: the first entry of each
// must be the signer's certificate. The further ones restrict the chain, see further.
func (c *check) binding(cert *pki.Certificate) *pki.Refusal {
	c.bound = nil
	for _, attribute := range []string{oidSigningCert2, oidSigningCert1} {
		value := c.signer.One(attribute)
		if value == nil {
			continue
		}
		ids, refusal := readCertIDs(value, attribute == oidSigningCert1)
		if refusal != nil {
			return refusal
		}
		if !ids[0].matches(cert) {
			return refuse("signing-certificate", "%s binds another certificate than %s", codes.Name(attribute), cert)
		}
		c.bound = append(c.bound, ids[1:]...)
	}
	return nil
}

// further wants every further certificate that the signature binds to stand in the proven chain (RFC 5035 section 3).
// Where the pin alone is relied on there is no chain to hold them against.
func (c *check) further() *pki.Refusal {
	if len(c.policy.Roots) == 0 {
		return nil
	}
	for i := range c.bound {
		if !slices.ContainsFunc(c.path, c.bound[i].matches) {
			return refuse("signing-certificate", "the signature binds a certificate that is not in the chain of %s", c.cert)
		}
	}
	return nil
}

// readCertIDs reads SigningCertificate(V2) ::= SEQUENCE { certs SEQUENCE OF ESSCertID(v2), policies SEQUENCE OPTIONAL }.
func readCertIDs(value []byte, v1 bool) ([]certID, *pki.Refusal) {
	malformed := refuse("signing-certificate", "malformed signingCertificate")
	s := cryptobyte.String(value)
	var seq, list, one cryptobyte.String
	if !s.ReadASN1(&seq, der.SEQUENCE) || !s.Empty() || !seq.ReadASN1(&list, der.SEQUENCE) || !seq.SkipOptionalASN1(der.SEQUENCE) ||
		!seq.Empty() || list.Empty() {
		return nil, malformed
	}
	var ids []certID
	for !list.Empty() {
		if !list.ReadASN1(&one, der.SEQUENCE) {
			return nil, malformed
		}
		var id certID
		if !v1 {
			var refusal *pki.Refusal
			if id.digest, refusal = readCertHash(&one); refusal != nil {
				return nil, refusal
			}
		}
		if !one.ReadASN1Bytes(&id.sum, der.OCTET_STRING) {
			return nil, malformed
		}
		if !one.Empty() {
			if id.named = readIssuerSerial(one); id.named == nil {
				return nil, malformed
			}
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// readCertHash reads the hash algorithm of an ESSCertIDv2. SHA-256 is the default; some software spells it out against
// DER, which changes nothing.
func readCertHash(s *cryptobyte.String) (pki.Digest, *pki.Refusal) {
	if !s.PeekASN1Tag(der.SEQUENCE) {
		return pki.SHA256, nil
	}
	a, ok := message.ReadAlgorithm(s)
	if !ok || !a.Plain() {
		return "", refuse("signing-certificate", "malformed hash algorithm in signingCertificateV2")
	}
	switch h, known := digestOf(a.OID); {
	case !known:
		return "", refuse("algorithm", "signingCertificateV2 names a certificate by the unknown hash %s", a.OID)
	case h == "":
		return "", refuse("weak-digest", "signingCertificateV2 names a certificate by the withdrawn hash %s", a.OID)
	default:
		return h, nil
	}
}

// readIssuerSerial reads IssuerSerial ::= SEQUENCE { GeneralNames, INTEGER } with exactly one directoryName.
func readIssuerSerial(s cryptobyte.String) *message.Signer {
	var pair, general, name, serial cryptobyte.String
	if !s.ReadASN1(&pair, der.SEQUENCE) || !s.Empty() || !pair.ReadASN1(&general, der.SEQUENCE) ||
		!general.ReadASN1(&name, der.Tag(4).Constructed().ContextSpecific()) || !general.Empty() ||
		!pair.ReadASN1Element(&serial, der.INTEGER) || !pair.Empty() {
		return nil
	}
	return &message.Signer{Issuer: name, Serial: serial}
}

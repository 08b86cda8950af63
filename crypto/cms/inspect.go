package cms

import (
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"bankconnector/crypto/cms/codes"
	"bankconnector/crypto/cms/message"
	"bankconnector/crypto/pki"
)

// Info is what a message says about itself. Nothing in it is proven, and nothing in it was believed.
type Info struct {
	Kind         string            `json:"kind"` // "signature", "certificate", "encrypted"
	Form         string            `json:"form"` // how it came: "der", "ber", "pem", "base64"
	Size         int               `json:"size"` // octets without the wrapping
	Attached     bool              `json:"attached"`
	ContentSize  int               `json:"content_size,omitempty"`
	ContentType  string            `json:"content_type,omitempty"`
	Digests      []string          `json:"digest_algorithms,omitempty"`
	CRLs         int               `json:"crls,omitempty"`
	Certificates []CertificateInfo `json:"certificates,omitempty"`
	Signers      []SignerInfo      `json:"signers,omitempty"`
}

// CertificateInfo is a certificate that came along. Problem is the refusal code when it cannot be used.
type CertificateInfo struct {
	Subject     string    `json:"subject,omitempty"`
	Issuer      string    `json:"issuer,omitempty"`
	Serial      string    `json:"serial,omitempty"` // hex
	NotBefore   time.Time `json:"not_before,omitzero"`
	NotAfter    time.Time `json:"not_after,omitzero"`
	Key         string    `json:"key,omitempty"`
	INN         string    `json:"inn,omitempty"`
	OGRN        string    `json:"ogrn,omitempty"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	Problem     string    `json:"problem,omitempty"`
}

// SignerInfo is one signature of the message.
type SignerInfo struct {
	Signer             string    `json:"signer"` // whom it names: issuer and serial number, or key identifier
	DigestAlgorithm    string    `json:"digest_algorithm"`
	SignatureAlgorithm string    `json:"signature_algorithm"`
	SignatureSize      int       `json:"signature_size"`
	SigningTime        time.Time `json:"signing_time,omitzero"` // as claimed
	MessageDigest      string    `json:"message_digest,omitempty"`
	CAdES              bool      `json:"cades"` // signingCertificateV2 is there
	Signed             []string  `json:"signed_attributes,omitempty"`
	Unsigned           []string  `json:"unsigned_attributes,omitempty"`
	// Enclosed tells whether the value verifies over the signed attributes under a certificate of the message that
	// bears the signer's name: "yes", "no", or "" when there is no such certificate. It says nothing about trust.
	Enclosed string `json:"verifies_under_enclosed_certificate,omitempty"`
}

// Inspect explains a message without trusting it: a signature in any form that this program can read, or what else the
// file is. The error is a *pki.Refusal with the code of what makes it unreadable.
func Inspect(sig []byte) (*Info, error) {
	m, refusal := message.Read(sig, true)
	if refusal != nil {
		if info := otherKind(sig); info != nil {
			return info, nil
		}
		return nil, refusal
	}
	info := &Info{
		Kind: "signature", Form: m.Form, Size: m.Size, Attached: m.Attached, ContentSize: len(m.Content),
		ContentType: codes.Name(m.ContentType), CRLs: len(m.CRLs),
	}
	for _, a := range m.Digests {
		info.Digests = append(info.Digests, codes.Name(a.OID))
	}
	for _, raw := range m.Certificates {
		info.Certificates = append(info.Certificates, inspectCertificate(raw))
	}
	for i := range m.Signers {
		info.Signers = append(info.Signers, inspectSigner(m, &m.Signers[i]))
	}
	return info, nil
}

// otherKind recognises the files that people send in place of a signature.
func otherKind(sig []byte) *Info {
	body, refusal := message.DER(sig)
	form := "der"
	if refusal != nil {
		form, body = "pem", sig
	}
	if certs, err := pki.ReadCertificates(body); err == nil {
		info := &Info{Kind: "certificate", Form: form, Size: len(sig)}
		for _, c := range certs {
			info.Certificates = append(info.Certificates, inspectCertificate(c.Raw))
		}
		return info
	}
	s := cryptobyte.String(body)
	var seq cryptobyte.String
	var id asn1.ObjectIdentifier
	if s.ReadASN1(&seq, der.SEQUENCE) && seq.ReadASN1ObjectIdentifier(&id) &&
		(id.String() == "1.2.840.113549.1.7.3" || id.String() == "1.2.840.113549.1.9.16.1.23") {
		return &Info{Kind: "encrypted", Form: form, Size: len(sig)}
	}
	return nil
}

func inspectCertificate(raw []byte) CertificateInfo {
	c, err := pki.ParseCertificate(raw)
	if err != nil {
		return CertificateInfo{Problem: err.Error(), Fingerprint: hex.EncodeToString(pki.SHA256.Sum(raw))}
	}
	s := c.Subject()
	return CertificateInfo{
		Subject: s.Text, Issuer: c.Issuer().Text, Serial: fmt.Sprintf("%X", c.X509.SerialNumber),
		NotBefore: c.X509.NotBefore, NotAfter: c.X509.NotAfter, Key: string(c.Key.Algorithm()),
		INN: s.Taxpayer(), OGRN: s.OGRN, Fingerprint: c.Fingerprint(),
	}
}

func inspectSigner(m *message.Message, si *message.Signer) SignerInfo {
	out := SignerInfo{
		Signer: signerID(si), DigestAlgorithm: codes.Name(si.Digest.OID), SignatureAlgorithm: codes.Name(si.Signature.OID),
		SignatureSize: len(si.Value), CAdES: si.One(oidSigningCert2) != nil,
	}
	for _, a := range si.Signed {
		out.Signed = append(out.Signed, codes.Name(a.OID))
	}
	for _, a := range si.Unsigned {
		out.Unsigned = append(out.Unsigned, codes.Name(a.OID))
	}
	out.SigningTime, _ = readTime(si.One(oidSigningTime))
	s := cryptobyte.String(si.One(oidMessageDigest))
	var sum []byte
	if s.ReadASN1Bytes(&sum, der.OCTET_STRING) {
		out.MessageDigest = hex.EncodeToString(sum)
	}
	scheme, refusal := (&Policy{PSS: true}).scheme(m, si)
	for _, raw := range m.Certificates {
		c, err := pki.ParseCertificate(raw)
		if err != nil || refusal != nil || !si.HasSigned || !names(si, c.X509) {
			continue
		}
		if out.Enclosed = "no"; scheme.verify(c.Key, scheme.digest.Sum(message.Encode(0x31, si.SignedRaw)), si.Value) {
			out.Enclosed = "yes"
			break
		}
	}
	return out
}

// Text explains the message in words, several lines; lang is "ru" or "en", anything else is English.
func (i *Info) Text(lang string) string {
	word := func(en, ru string) string {
		if lang == "ru" {
			return ru
		}
		return en
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	switch i.Kind {
	case "certificate":
		line("%s", word("This is not a signature but a certificate.", "Это не подпись, а сертификат."))
	case "encrypted":
		line("%s", word("This is not a signature but an encrypted message.", "Это не подпись, а зашифрованное сообщение."))
	default:
		kind := word("detached", "отсоединённая")
		if i.Attached {
			kind = fmt.Sprintf(word("attached, with %d octets of content inside", "присоединённая, внутри %d байт документа"), i.ContentSize)
		}
		line(word("CMS signature, %s; form %s, %d octets, content type %s, signatures: %d, certificates: %d, CRLs: %d.",
			"Подпись CMS, %s; вид %s, %d байт, тип содержимого %s, подписей: %d, сертификатов: %d, списков отзыва: %d."),
			kind, i.Form, i.Size, i.ContentType, len(i.Signers), len(i.Certificates), i.CRLs)
	}
	for n, s := range i.Signers {
		line(word("Signature %d by %s", "Подпись %d, подписант: %s"), n+1, s.Signer)
		line(word("  algorithms: %s, %s; value of %d octets", "  алгоритмы: %s, %s; значение %d байт"), s.DigestAlgorithm, s.SignatureAlgorithm, s.SignatureSize)
		if !s.SigningTime.IsZero() {
			line(word("  claims to be signed at %s", "  заявленное время подписания %s"), s.SigningTime.Format(time.RFC3339))
		}
		if s.MessageDigest != "" {
			line(word("  digest of the document: %s", "  хеш документа: %s"), s.MessageDigest)
		}
		line(word("  signed attributes: %s", "  подписанные атрибуты: %s"), strings.Join(s.Signed, ", "))
		if len(s.Unsigned) > 0 {
			line(word("  unsigned attributes (no trust in them): %s", "  неподписанные атрибуты (доверия к ним нет): %s"), strings.Join(s.Unsigned, ", "))
		}
		if !s.CAdES {
			line("%s", word("  no signingCertificateV2: it is not CAdES-BES", "  нет signingCertificateV2: это не CAdES-BES"))
		}
		switch s.Enclosed {
		case "yes":
			line("%s", word("  the value fits the enclosed certificate (which proves nothing about who that is)", "  значение подходит к вложенному сертификату (это не доказывает, чей он)"))
		case "no":
			line("%s", word("  the value does NOT fit the enclosed certificate", "  значение НЕ подходит к вложенному сертификату"))
		}
	}
	for n, c := range i.Certificates {
		if c.Problem != "" {
			line(word("Certificate %d cannot be used: %s", "Сертификат %d непригоден: %s"), n+1, c.Problem)
			continue
		}
		line(word("Certificate %d: %s", "Сертификат %d: %s"), n+1, c.Subject)
		line(word("  issued by %s, serial number %s", "  выдан: %s, серийный номер %s"), c.Issuer, c.Serial)
		line(word("  valid %s to %s, key %s, SHA-256 %s", "  действует с %s по %s, ключ %s, SHA-256 %s"),
			c.NotBefore.Format(time.RFC3339), c.NotAfter.Format(time.RFC3339), c.Key, c.Fingerprint)
	}
	return b.String()
}

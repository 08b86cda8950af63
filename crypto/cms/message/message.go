// Package message reads CMS SignedData (RFC 5652) without judging it: PEM and base64 wrapping, the bounded step from
// BER to DER, strict DER, limits, and the parts by name. Who signed, with what and whether it holds is for package cms.
//
// It does not know keys, certificates or time. It is an inner room of crypto/cms and may call crypto/pki, for the type of
// a refusal only.
package message

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"bankconnector/crypto/pki"
)

const (
	codeBER    = "ber"
	codeNotDER = "not-der"
	codeLimits = "limits"
	codeTail   = "trailing-data"
	codeOther  = "not-signed-data"

	oidSignedData = "1.2.840.113549.1.7.2"
)

// Bounds of one message. Real detached signatures have 2 to 10 KiB and one signer.
const (
	maxMessage      = 1 << 20
	maxCertificates = 32
	maxSigners      = 8
	maxAttributes   = 32
	maxDepth        = 32 // of elements in DER
	berDepth        = 24 // of elements in BER
)

func refuse(code, format string, args ...any) *pki.Refusal {
	return &pki.Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}
}

func malformed(what string) *pki.Refusal { return refuse(codeNotDER, "malformed %s", what) }

// Algorithm is an AlgorithmIdentifier: the OID and the parameters in DER, nil when absent.
type Algorithm struct {
	OID    string
	Params []byte
}

// Plain tells that parameters are absent or NULL: both spellings are in use for every algorithm but PSS.
func (a Algorithm) Plain() bool { return len(a.Params) == 0 || bytes.Equal(a.Params, []byte{5, 0}) }

// Attribute is a signed or unsigned attribute: Raw the whole SEQUENCE, Values the whole elements of its SET.
type Attribute struct {
	OID    string
	Raw    []byte
	Values [][]byte
}

// Signer is SignerInfo (RFC 5652 section 5.3), as sent.
type Signer struct {
	Version        int
	Issuer, Serial []byte // issuerAndSerialNumber: Name and INTEGER, both whole; nil when KeyID names the signer
	KeyID          []byte // subjectKeyIdentifier
	Digest         Algorithm
	HasSigned      bool   // signed attributes are there, be they empty
	SignedRaw      []byte // the content of their [0], to be hashed under a SET OF tag
	Signed         []Attribute
	Signature      Algorithm
	Value          []byte
	Unsigned       []Attribute
}

// One finds the value of a signed attribute that has exactly one; nil when the attribute is absent.
func (si *Signer) One(oid string) []byte {
	for _, a := range si.Signed {
		if a.OID == oid && len(a.Values) == 1 {
			return a.Values[0]
		}
	}
	return nil
}

// Message is SignedData (RFC 5652 section 5.1), as sent.
type Message struct {
	Form         string // "der", "ber", "pem" or "base64": how it came
	Size         int    // octets of the message without its wrapping
	Version      int
	Digests      []Algorithm
	ContentType  string
	Attached     bool // it holds content of its own, be it empty
	Content      []byte
	Certificates [][]byte
	CRLs         [][]byte
	Signers      []Signer
}

// Read opens a signature: DER, one PEM block, or base64; with ber also indefinite lengths, rewritten as DER first.
// The refusal is one of not-der, ber, trailing-data, not-signed-data, limits.
func Read(sig []byte, ber bool) (*Message, *pki.Refusal) {
	body, form, refusal := unwrap(sig)
	if refusal != nil {
		return nil, refusal
	}
	size := len(body)
	if refusal = open(body); refusal != nil && refusal.Code == codeBER && ber {
		if body, refusal = normalise(body); refusal == nil {
			form, refusal = "ber", open(body)
		}
	}
	if refusal != nil {
		return nil, refusal
	}
	m, refusal := parse(body)
	if refusal != nil {
		return nil, refusal
	}
	m.Form, m.Size = form, size
	return m, nil
}

// DER takes off any wrapping and rewrites BER as DER, the form in which a signature goes to a bank.
func DER(sig []byte) ([]byte, *pki.Refusal) {
	body, _, refusal := unwrap(sig)
	if refusal != nil {
		return nil, refusal
	}
	return normalise(body)
}

// unwrap takes off PEM or base64 and tells what it took off. One PEM block with nothing but white space around it,
// or base64 with canonical padding.
func unwrap(sig []byte) (body []byte, form string, refusal *pki.Refusal) {
	if len(sig) > maxMessage*3/2 {
		return nil, "", refuse(codeLimits, "the signature has %d octets, at most %d are read", len(sig), maxMessage)
	}
	if len(sig) == 0 {
		return nil, "", refuse(codeNotDER, "the signature file is empty")
	}
	form, body = "der", sig
	text := bytes.TrimSpace(sig)
	switch {
	case sig[0] == 0x30:
	case bytes.HasPrefix(text, []byte("-----BEGIN")):
		block, rest := pem.Decode(text)
		if block == nil || bytes.Count(text, []byte("-----BEGIN")) != 1 || (block.Type != "CMS" && block.Type != "PKCS7") || len(block.Headers) > 0 {
			return nil, "", refuse(codeNotDER, "damaged PEM, or not one block of CMS or PKCS7")
		}
		if len(rest) > 0 {
			return nil, "", refuse(codeTail, "%d octets after the PEM block", len(rest))
		}
		form, body = "pem", block.Bytes
	default:
		plain, err := base64.StdEncoding.Strict().DecodeString(string(text))
		if err != nil || len(plain) == 0 || plain[0] != 0x30 {
			return nil, "", refuse(codeNotDER, "neither DER nor PEM nor base64")
		}
		form, body = "base64", plain
	}
	if len(body) > maxMessage {
		return nil, "", refuse(codeLimits, "the signature has %d octets, at most %d are read", len(body), maxMessage)
	}
	return body, form, nil
}

// open reads the outermost shell, so that what is no signature at all is called that, and checks DER throughout.
func open(body []byte) *pki.Refusal {
	h, refusal := readHeader(body)
	if refusal != nil {
		return refusal
	}
	if h.tag != 0x30 {
		return refuse(codeOther, "the outermost element is not a SEQUENCE")
	}
	if h.indefinite {
		return refuse(codeBER, "the message has indefinite length")
	}
	if left := len(body) - h.size; h.length > left {
		return refuse(codeNotDER, "cut short: %d octets announced, %d there", h.length, left)
	} else if h.length < left {
		return refuse(codeTail, "%d octets after the signature", left-h.length)
	}
	inner := cryptobyte.String(body[h.size:])
	var kind asn1.ObjectIdentifier
	if !inner.ReadASN1ObjectIdentifier(&kind) {
		return refuse(codeOther, "the message does not begin with a content type")
	}
	if kind.String() != oidSignedData {
		return refuse(codeOther, "content type %s is not SignedData", kind)
	}
	return checkDER(body, maxDepth)
}

func context(n uint8) der.Tag { return der.Tag(n).Constructed().ContextSpecific() }

func parse(body []byte) (*Message, *pki.Refusal) {
	s := cryptobyte.String(body)
	var shell, inner, data, digests, signers cryptobyte.String
	if !s.ReadASN1(&shell, der.SEQUENCE) || !s.Empty() || !shell.SkipASN1(der.OBJECT_IDENTIFIER) ||
		!shell.ReadASN1(&inner, context(0)) || !shell.Empty() || !inner.ReadASN1(&data, der.SEQUENCE) || !inner.Empty() {
		return nil, malformed("ContentInfo")
	}
	m := new(Message)
	if !data.ReadASN1Integer(&m.Version) || !data.ReadASN1(&digests, der.SET) {
		return nil, malformed("SignedData")
	}
	for !digests.Empty() {
		a, ok := ReadAlgorithm(&digests)
		if !ok {
			return nil, malformed("digestAlgorithms")
		}
		if m.Digests = append(m.Digests, a); len(m.Digests) > maxSigners {
			return nil, refuse(codeLimits, "more than %d digest algorithms", maxSigners)
		}
	}
	if !m.readContent(&data) {
		return nil, malformed("encapsulated content")
	}
	if refusal := m.readBag(&data); refusal != nil {
		return nil, refusal
	}
	if !data.ReadASN1(&signers, der.SET) || !data.Empty() {
		return nil, malformed("SignedData")
	}
	for !signers.Empty() {
		if len(m.Signers) == maxSigners {
			return nil, refuse(codeLimits, "more than %d signers", maxSigners)
		}
		si, refusal := readSigner(&signers)
		if refusal != nil {
			return nil, refusal
		}
		m.Signers = append(m.Signers, *si)
	}
	return m, nil
}

func (m *Message) readContent(data *cryptobyte.String) bool {
	var seq, wrapped, content cryptobyte.String
	var kind asn1.ObjectIdentifier
	if !data.ReadASN1(&seq, der.SEQUENCE) || !seq.ReadASN1ObjectIdentifier(&kind) ||
		!seq.ReadOptionalASN1(&wrapped, &m.Attached, context(0)) || !seq.Empty() {
		return false
	}
	m.ContentType = kind.String()
	if m.Attached {
		if !wrapped.ReadASN1(&content, der.OCTET_STRING) || !wrapped.Empty() {
			return false
		}
		m.Content = content
	}
	return true
}

// readBag takes the certificates and CRLs that came along: evidence to look at, never a source of trust.
func (m *Message) readBag(data *cryptobyte.String) *pki.Refusal {
	for i, into := range []*[][]byte{&m.Certificates, &m.CRLs} {
		var bag cryptobyte.String
		var present bool
		if !data.ReadOptionalASN1(&bag, &present, context(uint8(i))) {
			return malformed("certificates")
		}
		for !bag.Empty() {
			var one cryptobyte.String
			if !bag.ReadAnyASN1Element(&one, new(der.Tag)) {
				return malformed("certificates")
			}
			if *into = append(*into, one); len(*into) > maxCertificates {
				return refuse(codeLimits, "more than %d certificates or CRLs", maxCertificates)
			}
		}
	}
	return nil
}

// ReadAlgorithm takes one AlgorithmIdentifier off s; false when it is malformed.
func ReadAlgorithm(s *cryptobyte.String) (Algorithm, bool) {
	var seq, params cryptobyte.String
	var id asn1.ObjectIdentifier
	if !s.ReadASN1(&seq, der.SEQUENCE) || !seq.ReadASN1ObjectIdentifier(&id) {
		return Algorithm{}, false
	}
	if !seq.Empty() && (!seq.ReadAnyASN1Element(&params, new(der.Tag)) || !seq.Empty()) {
		return Algorithm{}, false
	}
	return Algorithm{OID: id.String(), Params: params}, true
}

func readSigner(s *cryptobyte.String) (*Signer, *pki.Refusal) {
	var seq, value cryptobyte.String
	var ok bool
	var refusal *pki.Refusal
	si := new(Signer)
	if !s.ReadASN1(&seq, der.SEQUENCE) || !seq.ReadASN1Integer(&si.Version) || !si.readID(&seq) {
		return nil, malformed("SignerInfo")
	}
	if si.Digest, ok = ReadAlgorithm(&seq); !ok {
		return nil, malformed("digestAlgorithm")
	}
	if si.HasSigned = seq.PeekASN1Tag(context(0)); si.HasSigned {
		var set cryptobyte.String
		if !seq.ReadASN1(&set, context(0)) {
			return nil, malformed("signed attributes")
		}
		si.SignedRaw = set
		if si.Signed, refusal = readAttributes(set); refusal != nil {
			return nil, refusal
		}
	}
	if si.Signature, ok = ReadAlgorithm(&seq); !ok || !seq.ReadASN1(&value, der.OCTET_STRING) {
		return nil, malformed("signatureAlgorithm or signature")
	}
	si.Value = value
	var rest cryptobyte.String
	if !seq.ReadOptionalASN1(&rest, new(bool), context(1)) || !seq.Empty() {
		return nil, malformed("SignerInfo")
	}
	si.Unsigned, refusal = readAttributes(rest)
	return si, refusal
}

func (si *Signer) readID(seq *cryptobyte.String) bool {
	key := der.Tag(0).ContextSpecific()
	if seq.PeekASN1Tag(key) {
		var id cryptobyte.String
		ok := seq.ReadASN1(&id, key)
		si.KeyID = id
		return ok && len(id) > 0
	}
	var pair, issuer, serial cryptobyte.String
	ok := seq.ReadASN1(&pair, der.SEQUENCE) && pair.ReadASN1Element(&issuer, der.SEQUENCE) &&
		pair.ReadASN1Element(&serial, der.INTEGER) && pair.Empty()
	si.Issuer, si.Serial = issuer, serial
	return ok
}

func readAttributes(set cryptobyte.String) ([]Attribute, *pki.Refusal) {
	var all []Attribute
	for !set.Empty() {
		var whole, body, values cryptobyte.String
		var id asn1.ObjectIdentifier
		if !set.ReadASN1Element(&whole, der.SEQUENCE) {
			return nil, malformed("attributes")
		}
		a := Attribute{Raw: whole}
		if !whole.ReadASN1(&body, der.SEQUENCE) || !body.ReadASN1ObjectIdentifier(&id) || !body.ReadASN1(&values, der.SET) || !body.Empty() {
			return nil, malformed("attribute")
		}
		for a.OID = id.String(); !values.Empty(); {
			var v cryptobyte.String
			if !values.ReadAnyASN1Element(&v, new(der.Tag)) {
				return nil, malformed("attribute")
			}
			a.Values = append(a.Values, v)
		}
		if all = append(all, a); len(all) > maxAttributes {
			return nil, refuse(codeLimits, "more than %d attributes", maxAttributes)
		}
	}
	return all, nil
}

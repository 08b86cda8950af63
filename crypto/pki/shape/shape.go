// Package shape tells whether octets are built as RFC 5280 has certificates and lists, without any meaning.
//
// What comes along in a message is not relied on, but it must be what it claims to be; and crypto/x509 alone would let
// octets behind an element pass that other tools stumble over. It is an inner room of crypto/pki and calls no other.
package shape

import (
	"encoding/asn1"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// Certificate tells that raw is a Certificate (RFC 5280 section 4.1) in every part.
func Certificate(raw []byte) bool {
	tbs, ok := signedShape(raw)
	if !ok {
		return false
	}
	var version, validity, key, unique cryptobyte.String
	var present bool
	if !tbs.ReadOptionalASN1(&version, &present, context(0)) || present && (!version.SkipASN1(der.INTEGER) || !version.Empty()) ||
		!tbs.SkipASN1(der.INTEGER) || !algorithmShape(&tbs) || !nameShape(&tbs) ||
		!tbs.ReadASN1(&validity, der.SEQUENCE) || !timeShape(&validity) || !timeShape(&validity) || !validity.Empty() || !nameShape(&tbs) ||
		!tbs.ReadASN1(&key, der.SEQUENCE) || !algorithmShape(&key) || !key.SkipASN1(der.BIT_STRING) || !key.Empty() {
		return false
	}
	for tag := der.Tag(1); tag <= 2; tag++ { // the unique identifiers, which nobody uses
		if !tbs.ReadOptionalASN1(&unique, &present, tag.ContextSpecific()) || present && (len(unique) == 0 || unique[0] > 7) {
			return false
		}
	}
	return wrappedExtensions(&tbs, 3) && tbs.Empty()
}

// List tells that raw is a CertificateList (RFC 5280 section 5.1) in every part.
func List(raw []byte) bool {
	tbs, ok := signedShape(raw)
	if !ok {
		return false
	}
	if tbs.PeekASN1Tag(der.INTEGER) && !tbs.SkipASN1(der.INTEGER) || !algorithmShape(&tbs) || !nameShape(&tbs) || !timeShape(&tbs) {
		return false
	}
	if (tbs.PeekASN1Tag(der.UTCTime) || tbs.PeekASN1Tag(der.GeneralizedTime)) && !timeShape(&tbs) {
		return false
	}
	if tbs.PeekASN1Tag(der.SEQUENCE) {
		var entries, entry cryptobyte.String
		if !tbs.ReadASN1(&entries, der.SEQUENCE) {
			return false
		}
		for !entries.Empty() {
			if !entries.ReadASN1(&entry, der.SEQUENCE) || !entry.SkipASN1(der.INTEGER) || !timeShape(&entry) ||
				!entry.Empty() && !extensionsShape(&entry) || !entry.Empty() {
				return false
			}
		}
	}
	return wrappedExtensions(&tbs, 0) && tbs.Empty()
}

// signedShape opens SEQUENCE { body SEQUENCE, AlgorithmIdentifier, BIT STRING } and gives the content of the body.
func signedShape(raw []byte) (cryptobyte.String, bool) {
	s := cryptobyte.String(raw)
	var whole, body cryptobyte.String
	ok := s.ReadASN1(&whole, der.SEQUENCE) && s.Empty() && whole.ReadASN1(&body, der.SEQUENCE) &&
		algorithmShape(&whole) && whole.SkipASN1(der.BIT_STRING) && whole.Empty()
	return body, ok
}

func algorithmShape(s *cryptobyte.String) bool {
	var seq, params cryptobyte.String
	var id asn1.ObjectIdentifier
	return s.ReadASN1(&seq, der.SEQUENCE) && seq.ReadASN1ObjectIdentifier(&id) && (seq.Empty() || seq.ReadAnyASN1Element(&params, new(der.Tag)) && seq.Empty())
}

// timeShape skips a time as RFC 5280 section 4.1.2.5 wants it: to the second, in UTC.
func timeShape(s *cryptobyte.String) bool {
	var text cryptobyte.String
	size := len("20060102150405Z")
	if s.PeekASN1Tag(der.UTCTime) {
		size = len("060102150405Z")
		return s.ReadASN1(&text, der.UTCTime) && len(text) == size && text[size-1] == 'Z'
	}
	return s.ReadASN1(&text, der.GeneralizedTime) && len(text) == size && text[size-1] == 'Z'
}

// nameShape skips a Name: a SEQUENCE of SETs of { OID, string }.
func nameShape(s *cryptobyte.String) bool {
	var name, set, pair, value cryptobyte.String
	if !s.ReadASN1(&name, der.SEQUENCE) {
		return false
	}
	for !name.Empty() {
		if !name.ReadASN1(&set, der.SET) || set.Empty() {
			return false
		}
		for !set.Empty() {
			var tag der.Tag
			if !set.ReadASN1(&pair, der.SEQUENCE) || !pair.SkipASN1(der.OBJECT_IDENTIFIER) ||
				!pair.ReadAnyASN1(&value, &tag) || !pair.Empty() || !stringShape(tag, value) {
				return false
			}
		}
	}
	return true
}

// stringShape takes the string types of X.520 names; UTF8String must be UTF-8, BMPString and UniversalString whole characters.
func stringShape(tag der.Tag, value []byte) bool {
	switch byte(tag) {
	case 12: // UTF8String
		return utf8.Valid(value)
	case 30: // BMPString
		return len(value)%2 == 0
	case 28: // UniversalString
		return len(value)%4 == 0
	case 18, 19, 20, 22: // NumericString, PrintableString, T61String, IA5String
		return true
	default:
		return false
	}
}

func wrappedExtensions(s *cryptobyte.String, tag uint8) bool {
	var wrapped cryptobyte.String
	var present bool
	return s.ReadOptionalASN1(&wrapped, &present, context(tag)) && (!present || extensionsShape(&wrapped) && wrapped.Empty())
}

func extensionsShape(s *cryptobyte.String) bool {
	var list, one cryptobyte.String
	if !s.ReadASN1(&list, der.SEQUENCE) {
		return false
	}
	for !list.Empty() {
		if !list.ReadASN1(&one, der.SEQUENCE) || !one.SkipASN1(der.OBJECT_IDENTIFIER) ||
			one.PeekASN1Tag(der.BOOLEAN) && !one.SkipASN1(der.BOOLEAN) || !one.SkipASN1(der.OCTET_STRING) || !one.Empty() {
			return false
		}
	}
	return true
}

func context(n uint8) der.Tag { return der.Tag(n).Constructed().ContextSpecific() }

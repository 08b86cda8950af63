package stamp

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
	"unicode"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"bankconnector/crypto/cms/message"
	"bankconnector/crypto/pki"
)

// granted reads PKIStatusInfo and gives the token behind it; the authority's own words are cut and cleaned.
func granted(answer []byte) ([]byte, error) {
	s := cryptobyte.String(answer)
	var whole, status, token cryptobyte.String
	var code int
	if len(answer) > MaxAnswer || !s.ReadASN1(&whole, der.SEQUENCE) || !s.Empty() || !whole.ReadASN1(&status, der.SEQUENCE) || !status.ReadASN1Integer(&code) {
		return nil, errors.New("time stamp: the answer is not a TimeStampResp")
	}
	if code != 0 && code != 1 { // granted, or granted with modifications
		var words, word cryptobyte.String
		text := ""
		if status.PeekASN1Tag(der.SEQUENCE) && status.ReadASN1(&words, der.SEQUENCE) && words.ReadASN1(&word, der.UTF8String) {
			text = ": " + clean(string(word))
		}
		return nil, fmt.Errorf("time stamp: the authority refused, status %d%s", code, text)
	}
	if !whole.ReadASN1Element(&token, der.SEQUENCE) || !whole.Empty() {
		return nil, errors.New("time stamp: the authority granted it and sent none")
	}
	return token, nil
}

func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	return fmt.Sprintf("%.200q", text)
}

// readInfo reads TSTInfo (RFC 3161 section 2.4.2). Accuracy, ordering and the authority's name are passed over; an
// extension is refused when it is critical, because none is known.
func readInfo(content []byte) (*Token, error) {
	bad := func(what string) (*Token, error) { return nil, fmt.Errorf("malformed %s in TSTInfo", what) }
	s := cryptobyte.String(content)
	var info, print, sum, at, skip cryptobyte.String
	var version int
	var policy asn1.ObjectIdentifier
	serial := new(big.Int)
	if !s.ReadASN1(&info, der.SEQUENCE) || !s.Empty() || !info.ReadASN1Integer(&version) || version != 1 {
		return bad("version")
	}
	if !info.ReadASN1ObjectIdentifier(&policy) || !info.ReadASN1(&print, der.SEQUENCE) {
		return bad("policy or imprint")
	}
	algorithm, ok := message.ReadAlgorithm(&print)
	h := hashOf(algorithm.OID)
	if !ok || !algorithm.Plain() || h == "" || !print.ReadASN1(&sum, der.OCTET_STRING) || !print.Empty() || len(sum) != h.New().Size() {
		return bad("imprint")
	}
	if !info.ReadASN1Integer(serial) || !info.ReadASN1(&at, der.GeneralizedTime) {
		return bad("serial number or time")
	}
	t := &Token{Serial: fmt.Sprintf("%X", serial), Policy: policy.String(), imprint: imprint{h, sum}}
	if t.Time, ok = readTime(string(at)); !ok {
		return bad("time")
	}
	if !info.SkipOptionalASN1(der.SEQUENCE) || !info.SkipOptionalASN1(der.BOOLEAN) {
		return bad("accuracy or ordering")
	}
	if info.PeekASN1Tag(der.INTEGER) {
		t.nonce = new(big.Int)
		if !info.ReadASN1Integer(t.nonce) {
			return bad("nonce")
		}
	}
	var extended bool
	if !info.SkipOptionalASN1(der.Tag(0).Constructed().ContextSpecific()) ||
		!info.ReadOptionalASN1(&skip, &extended, der.Tag(1).Constructed().ContextSpecific()) || !info.Empty() {
		return bad("end")
	}
	if extended && !harmless(skip) {
		return bad("extensions")
	}
	return t, nil
}

// harmless tells extensions none of which is critical.
func harmless(list cryptobyte.String) bool {
	for !list.Empty() {
		var one cryptobyte.String
		var critical bool
		if !list.ReadASN1(&one, der.SEQUENCE) || !one.SkipASN1(der.OBJECT_IDENTIFIER) ||
			!one.ReadOptionalASN1Boolean(&critical, der.BOOLEAN, false) || critical || !one.SkipASN1(der.OCTET_STRING) || !one.Empty() {
			return false
		}
	}
	return true
}

// readTime reads genTime: GeneralizedTime in UTC, with a fraction that does not end in a zero, or with none.
func readTime(text string) (time.Time, bool) {
	body, zulu := strings.CutSuffix(text, "Z")
	whole, fraction, dotted := strings.Cut(body, ".")
	digits := func(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) }
	if !zulu || len(whole) != 14 || !digits(whole) || !digits(fraction) || len(fraction) > 9 || dotted && (fraction == "" || strings.HasSuffix(fraction, "0")) {
		return time.Time{}, false
	}
	at, err := time.Parse("20060102150405", body)
	return at.UTC(), err == nil
}

func hashOf(id string) pki.Digest {
	for _, h := range []pki.Digest{pki.SHA256, pki.Streebog256, pki.Streebog512} {
		if hashes(h) == id {
			return h
		}
	}
	return ""
}

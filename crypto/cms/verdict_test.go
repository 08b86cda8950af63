package cms_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	"bankconnector/crypto/cms"
)

// TestEveryCodeHasItsText looks for the codes in the sources of this room, its inner rooms and pki, and wants each to
// be explained in both languages, with what to tell the bank; and none explained that is never given.
func TestEveryCodeHasItsText(t *testing.T) {
	given := map[string]bool{"pem": true, "base64": true} // named by the form of the message
	pattern := regexp.MustCompile(`(?:refuse\(|code[A-Z][A-Za-z]* += )"([a-z0-9-]+)"`)
	for _, dir := range []string{".", "message", "trust", "../pki"} {
		paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %d files, %v", dir, len(paths), err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
				given[m[1]] = true
			}
		}
	}
	listed := cms.Codes()
	if len(given) < 40 {
		t.Fatalf("%d codes found in the sources, want at least 40", len(given))
	}
	for code := range given {
		if !slices.Contains(listed, code) {
			t.Errorf("code %q has no text", code)
		}
	}
	texts := map[string]string{}
	for _, code := range listed {
		if !given[code] {
			t.Errorf("code %q is explained and never given", code)
		}
		for _, lang := range []string{"ru", "en"} {
			text := cms.Verdict{Status: cms.Invalid, Code: code, Detail: "facts"}.Text(lang)
			if len(text) < 120 || !strings.Contains(text, code) || !strings.Contains(text, "facts") || strings.Contains(text, "  ") {
				t.Errorf("%s in %s: %q", code, lang, text)
			}
			if cyrillic := strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) }); cyrillic != (lang == "ru") {
				t.Errorf("%s: not in %s: %q", code, lang, text)
			}
			if other, ok := texts[text]; ok {
				t.Errorf("%s and %s say the same", code, other)
			}
			texts[text] = code
		}
	}
}

func TestVerdictTellsWhatToDo(t *testing.T) {
	w := newWorld(t, suites()[3])
	p := w.policy("leaf")
	good := p.Verify(w.doc, w.one(signer{}), now())
	if got := good.Text("ru"); got != "Подпись верна: C=RU, CN=Банк, INNLE=7700000001, OGRN=1027700000001." {
		t.Errorf("valid: %q", got)
	}
	if len(good.Chain) != 2 || good.Chain[1].Fingerprint() != w.cert("root").Fingerprint() || len(good.Signers) != 1 || !good.At.Equal(now()) {
		t.Errorf("evidence: %+v", good)
	}
	bad := p.Verify(append(w.doc, '!'), w.one(signer{}), now())
	for _, want := range []string{"digest-mismatch", "sha256", "openssl: -binary"} {
		if !strings.Contains(bad.Text("en"), want) {
			t.Errorf("%q does not say %q", bad.Text("en"), want)
		}
	}
	if bad.Signer == nil || bad.Chain != nil || bad.Signers != nil {
		t.Errorf("a refused message names its signer and no evidence: %+v", bad)
	}
	for code, want := range map[string]cms.Status{
		"not-pinned": cms.UnknownSigner, "expired": cms.Expired, "revoked": cms.Revoked, "no-crl": cms.Unchecked, "future": cms.Invalid,
	} {
		q, sig, pin := w.policy("leaf"), w.one(signer{}), code
		switch code {
		case "not-pinned":
			sig = w.one(signer{cert: "other"})
		case "no-crl":
			q.CRLs = nil
		default:
			q, sig = w.policy(pin), w.one(signer{cert: pin})
		}
		if v := q.Verify(w.doc, sig, now()); v.Status != want {
			t.Errorf("%s: status %q (%s), want %q", code, v.Status, v.Code, want)
		}
	}
}

// TestOnePolicyForMany has many verify at once under one policy, for the race detector.
func TestOnePolicyForMany(t *testing.T) {
	w := newWorld(t, suites()[3])
	p := w.policy("leafsub", "leaf")
	sig := [][]byte{w.one(signer{}), w.letter(letter{certs: [][]byte{w.certs["leafsub"], w.certs["sub"]}}, w.si(signer{cert: "leafsub"}))}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 10 {
				if v := p.Verify(w.doc, sig[i%2], now()); !v.Valid() {
					t.Errorf("%s: %s", v.Code, v.Detail)
				}
			}
		})
	}
	all.Wait()
}

func TestInspect(t *testing.T) {
	w := newWorld(t, suites()[0])
	k := kids(w.one(signer{}))
	ber := append(append([]byte{0x30, 0x80}, append(k[0], k[1]...)...), 0, 0)
	for _, c := range []struct {
		name   string
		in     []byte
		ru, en []string // what the text must say
		json   []string
	}{
		{
			"good", w.one(signer{}),
			[]string{"отсоединённая", "вид der", "Streebog-256", "заявленное время подписания 2026-11-22T12:00:00Z", "signingCertificateV2", "подходит к вложенному сертификату", "7700000001"},
			[]string{"detached", "GOST R 34.10-2012 256", "claims to be signed at 2026-11-22T12:00:00Z", "fits the enclosed certificate", "CN=Банк"},
			[]string{`"kind":"signature"`, `"cades":true`, `"verifies_under_enclosed_certificate":"yes"`, `"inn":"7700000001"`, `"form":"der"`},
		},
		{"BER", ber, []string{"вид ber"}, []string{"form ber"}, []string{`"form":"ber"`}},
		{"forged value", w.one(signer{mutate: flipLast}), []string{"НЕ подходит"}, []string{"does NOT fit"}, []string{`"verifies_under_enclosed_certificate":"no"`}},
		{"without certificates", w.letter(letter{noCerts: true}, w.si(signer{})), []string{"сертификатов: 0"}, []string{"certificates: 0"}, []string{`"signer":"serial number 1001`}},
		{"plain CMS", w.one(signer{attrs: map[string][]byte{atSCV2: nil}}), []string{"это не CAdES-BES"}, []string{"it is not CAdES-BES"}, []string{`"cades":false`}},
		{"attached", w.letter(letter{content: w.doc}, w.si(signer{})), []string{"присоединённая, внутри"}, []string{"attached, with"}, []string{`"attached":true`}},
		{"MD5", w.one(signer{digestOID: "1.2.840.113549.2.5"}), []string{"MD5 (broken)"}, []string{"MD5 (broken)"}, []string{`"digest_algorithm":"MD5 (broken)"`}},
		{"no signers", w.letter(letter{}), []string{"подписей: 0"}, []string{"signatures: 0"}, nil},
		{"key identifier", w.letter(letter{version: 3}, w.si(signer{version: 3, sid: tlv(0x80, []byte{1, 2, 3})})), []string{"key identifier 010203"}, []string{"key identifier 010203"}, nil},
		{"unsigned attributes", w.one(signer{unsigned: attr("1.2.840.113549.1.9.16.2.14", null())}), []string{"доверия к ним нет"}, []string{"signatureTimeStamp"}, nil},
		{"bad certificate inside", w.letter(letter{certs: [][]byte{damaged(w.certs["other"])}}, w.si(signer{})), []string{"непригоден"}, []string{"cannot be used"}, []string{`"problem":"certificate: `}},
		{"a certificate", w.certs["leaf"], []string{"Это не подпись, а сертификат"}, []string{"not a signature but a certificate"}, []string{`"kind":"certificate"`}},
		{"encrypted", w.letter(letter{outer: "1.2.840.113549.1.7.3"}), []string{"зашифрованное"}, []string{"encrypted"}, []string{`"kind":"encrypted"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			info, err := cms.Inspect(c.in)
			if err != nil {
				t.Fatal(err)
			}
			out, err := json.Marshal(info)
			if err != nil {
				t.Fatal(err)
			}
			for text, wants := range map[string][]string{info.Text("ru"): c.ru, info.Text("en"): c.en, string(out): c.json} {
				for _, want := range wants {
					if !strings.Contains(text, want) {
						t.Errorf("%q is not in:\n%s", want, text)
					}
				}
			}
		})
	}
	for name, in := range map[string][]byte{"text": []byte("no signature"), "nothing": nil, "cut short": w.one(signer{})[:99], "null": null()} {
		if info, err := cms.Inspect(in); err == nil {
			t.Errorf("%s is explained: %+v", name, info)
		}
	}
}

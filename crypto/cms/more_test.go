package cms_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // hashes by number
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

// TestPSSParameters signs by RSASSA-PSS with every kind of parameters, under a profile that allows it.
func TestPSSParameters(t *testing.T) {
	w, b := newWorld(t, suites()[2]), newBench(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	w.keys["leaf"] = stdKey(t, key)
	w.issue(spec{as: "pss", by: "root", issuer: "Тестовый УЦ", subject: "Банк", serial: 0x6001, key: "leaf", exts: [][]byte{usage(6, 0xc0)}})
	b.write("doc.xml", w.doc)
	b.write("root.pem", pki.MarshalCertificate(w.cert("root")))
	b.write("leaf.pem", pki.MarshalCertificate(w.cert("pss")))

	const sha256, sha384, sha512, sha1 = "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2", "2.16.840.1.101.3.4.2.3", "1.3.14.3.2.26"
	params := func(hash, mask string, salt int64, more ...[]byte) []byte {
		return seq(explicit(0, algo(hash, nil)), explicit(1, algo("1.2.840.113549.1.1.8", algo(mask, nil))), explicit(2, number(salt)), bytes.Join(more, nil))
	}
	for _, tt := range []struct {
		name   string
		params []byte
		digest string // digestAlgorithm, "" = SHA-256
		hash   crypto.Hash
		salt   int
		want   string
	}{
		{name: "as agreed", params: params(sha256, sha256, 32), salt: 32},
		{name: "longer salt", params: params(sha256, sha256, 48), salt: 48},
		{name: "null parameters of the hashes", params: seq(explicit(0, algo(sha256, null())), explicit(1, algo("1.2.840.113549.1.1.8", algo(sha256, null()))), explicit(2, number(32))), salt: 32},
		{name: "SHA-512 throughout", params: params(sha512, sha512, 64), digest: sha512, hash: crypto.SHA512, salt: 64},
		{name: "salt of another length than said", params: params(sha256, sha256, 40), salt: 32, want: "signature"},
		{name: "short salt", params: params(sha256, sha256, 20), salt: 20, want: "algorithm"},
		{name: "no salt", params: params(sha256, sha256, 0), salt: -1, want: "algorithm"},
		{name: "negative salt", params: seq(explicit(0, algo(sha256, nil)), explicit(1, algo("1.2.840.113549.1.1.8", algo(sha256, nil))), explicit(2, []byte{2, 1, 0xe0})), salt: 32, want: "algorithm"},
		{name: "endless salt", params: params(sha256, sha256, 1<<40), salt: 32, want: "algorithm"},
		{name: "hash of another length", params: params(sha512, sha256, 64), salt: 32, want: "algorithm"},
		{name: "mask of another hash", params: params(sha256, sha512, 32), salt: 32, want: "algorithm"},
		{name: "mask by SHA-1", params: params(sha256, sha1, 32), salt: 32, want: "algorithm"},
		{name: "SHA-384 inside SHA-256", params: params(sha384, sha384, 48), hash: crypto.SHA384, salt: 48, want: "algorithm"},
		{name: "unknown mask", params: seq(explicit(0, algo(sha256, nil)), explicit(1, algo("1.2.3", algo(sha256, nil))), explicit(2, number(32))), salt: 32, want: "algorithm"},
		{name: "trailer said", params: params(sha256, sha256, 32, explicit(3, number(1))), salt: 32, want: "algorithm"},
		{name: "trailer of another kind", params: params(sha256, sha256, 32, explicit(3, number(2))), salt: 32, want: "algorithm"},
		{name: "defaults", params: seq(), salt: 20, want: "weak-digest"},
		{name: "no parameters", salt: 32, want: "algorithm"},
		{name: "null for parameters", params: null(), salt: 32, want: "algorithm"},
		{name: "only the hash", params: seq(explicit(0, algo(sha256, nil))), salt: 32, want: "weak-digest"},
		{name: "order of parameters", params: seq(explicit(1, algo("1.2.840.113549.1.1.8", algo(sha256, nil))), explicit(0, algo(sha256, nil)), explicit(2, number(32))), salt: 32, want: "algorithm"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hash, digest, h := crypto.SHA256, sha256, pki.SHA256
			if tt.digest == sha512 {
				digest, h = sha512, pki.SHA512
			}
			if tt.hash != 0 {
				hash = tt.hash
			}
			sums := map[crypto.Hash]pki.Digest{crypto.SHA256: pki.SHA256, crypto.SHA384: pki.SHA384, crypto.SHA512: pki.SHA512}
			s := signer{cert: "pss", key: "leaf", sigOID: "1.2.840.113549.1.1.10", sigParams: tt.params, digestOID: digest, attrs: map[string][]byte{
				atMD: attr(atMD, octets(h.Sum(w.doc))),
			}}
			over := set(w.attributes(s, w.certs["pss"])...)
			o := &rsa.PSSOptions{SaltLength: tt.salt, Hash: hash}
			if tt.salt < 0 {
				o.SaltLength = rsa.PSSSaltLengthAuto
			}
			if s.sig, err = rsa.SignPSS(rand.Reader, key, hash, sums[hash].Sum(over), o); err != nil {
				t.Fatal(err)
			}
			sig := w.letter(letter{certs: [][]byte{w.certs["pss"]}, digests: [][]byte{algo(digest, nil)}}, w.si(s))
			p := w.policy("pss")
			if v := p.Verify(w.doc, sig, now()); v.Code != "rsa-pss" {
				t.Errorf("without the switch: %q", v.Code)
			}
			p.PSS = true
			v := p.Verify(w.doc, sig, now())
			if v.Code != tt.want {
				t.Fatalf("got %q (%s), want %q", v.Code, v.Detail, tt.want)
			}
			if v.Valid() {
				if out, err := theirs(b, sig); err != nil {
					t.Errorf("accepted here and refused by openssl: %s", out)
				}
			}
		})
	}
}

// TestMoreForgeries are cases beside those of TestForgedMessages: what other software writes, or an attacker would try.
func TestMoreForgeries(t *testing.T) {
	for _, s := range suites() {
		t.Run(string(s.alg), func(t *testing.T) {
			w, b := newWorld(t, s), newBench(t)
			b.write("doc.xml", w.doc)
			b.write("root.pem", pki.MarshalCertificate(w.cert("root")))
			b.write("leaf.pem", pki.MarshalCertificate(w.cert("leaf")))
			for _, a := range append(protections(w), append(strangeMessages(w), strangeTexts(w)...)...) {
				t.Run(a.name, func(t *testing.T) {
					p := w.policy("leaf")
					if a.set != nil {
						a.set(p)
					}
					v := p.Verify(w.doc, a.sig, now())
					if v.Code != a.want || v.Valid() != (a.want == "") {
						t.Fatalf("got %q (%s: %s), want %q", v.Code, v.Status, v.Detail, a.want)
					}
					if v.Valid() && a.sig[0] == 0x30 {
						if out, err := theirs(b, a.sig); err != nil {
							t.Errorf("accepted here and refused by openssl: %s", out)
						}
					}
				})
			}
		})
	}
}

// protections are about CMSAlgorithmProtection (RFC 6211).
func protections(w *world) []attack {
	const id = "1.2.840.113549.1.9.52"
	implicit := func(oidText string, params []byte) []byte { return tlv(0xa1, oid(oidText), params) }
	params := []byte(nil)
	if w.alg == pki.RSA {
		params = null()
	}
	one := func(name string, v []byte, want string) attack {
		return attack{name: "protection " + name, sig: w.one(signer{extra: [][]byte{attr(id, v)}}), want: want}
	}
	digest := algo(w.digestOID, nil)
	return []attack{
		one("right", seq(digest, implicit(w.keyOID, params)), ""),
		one("with NULL", seq(algo(w.digestOID, null()), implicit(w.keyOID, null())), ""),
		one("of another digest", seq(algo(w.otherOID, nil), implicit(w.keyOID, params)), "algorithm"),
		one("of another signature", seq(digest, implicit(w.crossed, params)), "algorithm"),
		one("of a MAC", seq(digest, tlv(0xa2, oid(w.keyOID))), "algorithm"),
		one("of a digest alone", seq(digest), "algorithm"),
		one("of junk", null(), "algorithm"),
	}
}

func strangeMessages(w *world) []attack {
	f := tbs(w.certs["leaf"])
	good := w.si(signer{})
	negative := func(n []byte) []byte { return tlv(2, append([]byte{0xff}, body(n)...)) }
	extraDigest := [][]byte{algo(w.digestOID, nil), algo("1.3.14.3.2.26", nil)}
	other := []byte(nil)
	if w.alg == pki.ECDSAP256 || w.alg == pki.ECDSAP384 {
		other = w.one(signer{sigOID: "1.2.840.10045.2.1"})
	}
	all := []attack{
		{name: "serial number negative", sig: w.one(signer{sid: seq(f[3], negative(f[1]))}), want: "not-pinned"},
		{name: "serial number with a needless zero", sig: w.one(signer{sid: seq(f[3], tlv(2, append([]byte{0}, body(f[1])...)))}), want: "not-der"},
		{name: "issuer of nothing", sig: w.one(signer{sid: seq(seq(), f[1])}), want: "not-pinned"},
		{name: "issuer in other letters", sig: w.one(signer{sid: seq(name("ТЕСТОВЫЙ УЦ", ""), f[1])}), want: "not-pinned"},
		{name: "name and number under the tag of a key", sig: w.one(signer{sid: tlv(0xa0, f[3], f[1])}), want: "not-der"},
		{name: "signer version 4", sig: w.one(signer{version: 4}), want: "version"},
		{name: "weak digest listed beside", sig: w.letter(letter{digests: extraDigest}, good), want: "weak-digest"},
		{name: "unknown digest listed beside", sig: w.letter(letter{digests: [][]byte{algo(w.digestOID, nil), algo("1.2.3.4", nil)}}, good), want: "algorithm"},
		{name: "digest listed twice", sig: w.letter(letter{digests: [][]byte{algo(w.digestOID, nil), algo(w.digestOID, nil)}}, good)},
		{name: "attribute certificate, old", sig: w.letter(letter{certs: [][]byte{w.certs["leaf"], tlv(0xa1, number(1))}}, good), want: "certificates"},
		{name: "attribute certificate, new", sig: w.letter(letter{certs: [][]byte{w.certs["leaf"], tlv(0xa2, seq())}}, good), want: "certificates"},
		{name: "certificate of another format", sig: w.letter(letter{certs: [][]byte{w.certs["leaf"], tlv(0xa3, oid("1.2.3"), null())}}, good), want: "certificates"},
		{name: "OCSP answer among the lists", sig: w.letter(letter{crls: tlv(0xa1, oid("1.3.6.1.5.5.7.16.2"), seq())}, good), want: "certificates"},
		{name: "certificate in place of a list", sig: w.letter(letter{crls: w.certs["root"]}, good), want: "certificates"},
		{name: "the same certificate twice", sig: w.letter(letter{certs: [][]byte{w.certs["leaf"], w.certs["leaf"]}}, good)},
		{name: "countersignature over it by a stranger", sig: w.one(signer{unsigned: attr("1.2.840.113549.1.9.6", w.si(signer{cert: "other"}))})},
		{name: "time stamp that is none", sig: w.one(signer{unsigned: attr("1.2.840.113549.1.9.16.2.14", octets([]byte("junk")))})},
		{name: "receipt asked for, unsigned", sig: w.one(signer{unsigned: attr("1.2.840.113549.1.9.16.2.1", null())}), want: "attribute-place"},
		{name: "signature algorithm of nothing", sig: w.one(signer{sigOID: "0.0"}), want: "algorithm"},
		{name: "signed twice over", sig: w.letter(letter{etype: idSD, content: w.one(signer{})}, w.si(signer{content: w.one(signer{})})), want: "content-type"},
	}
	if other != nil {
		all = append(all, attack{name: "signature algorithm is the key's", sig: other, want: "algorithm"})
	}
	return all
}

// strangeTexts are wrappings that a transfer or an editor makes of a good signature.
func strangeTexts(w *world) []attack {
	good := w.one(signer{})
	b64 := base64.StdEncoding.EncodeToString(good)
	armour := string(pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: good}))
	text := func(name, s, want string) attack { return attack{name: name, sig: []byte(s), want: want} }
	return []attack{
		text("PEM with Windows line ends", strings.ReplaceAll(armour, "\n", "\r\n"), ""),
		text("PEM in one line", "-----BEGIN CMS-----\n"+b64+"\n-----END CMS-----\n", ""),
		text("PEM with blank lines around", "\n\n"+armour+"\n\n", ""),
		text("PEM without an end", strings.Split(armour, "-----END")[0], "not-der"),
		text("PEM that ends as another", strings.Replace(armour, "END CMS", "END PKCS7", 1), "not-der"),
		text("PEM with a certificate behind", armour+string(pki.MarshalCertificate(w.cert("leaf"))), "not-der"),
		text("PEM with junk inside", strings.Replace(armour, "\n", "\n####\n", 1), "not-der"),
		text("PEM of nothing", "-----BEGIN CMS-----\n-----END CMS-----\n", "not-der"),
		text("base64 in one line", b64+"\n", ""),
		text("base64 of short lines", strings.Join(strings.SplitAfter(b64, "A"), "\n"), ""),
		text("base64 with spaces", b64[:8]+" "+b64[8:], "not-der"),
		text("base64 of URLs", "_-"+b64[2:], "not-der"),
		text("base64 cut short", b64[:len(b64)/2-len(b64)/2%4], "not-der"),
		text("base64 twice", base64.StdEncoding.EncodeToString(append(bytes.Clone(good), good...)), "trailing-data"),
		text("base64 after a mark of UTF-8", "\ufeff"+b64, "not-der"),
		text("hexadecimal", "308006092a", "not-der"),
		{name: "DER after a blank", sig: append([]byte(" "), good...), want: "not-der"},
		{name: "DER with a line end", sig: append(bytes.Clone(good), '\n'), want: "trailing-data"},
		{name: "DER where BER is allowed, with a line end", sig: append(bytes.Clone(good), '\n'), want: "trailing-data", set: func(p *cms.Policy) { p.BER = true }},
	}
}

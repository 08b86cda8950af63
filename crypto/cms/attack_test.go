package cms_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"slices"
	"testing"
	"time"

	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

// attack is a message and the code that a profile must refuse it with; "" must be accepted.
type attack struct {
	name string
	sig  []byte
	want string
	pin  string            // the pinned certificate, "" = leaf
	doc  []byte            // nil = the document that was signed
	set  func(*cms.Policy) // makes the strict profile another one
}

// TestForgedMessages breaks one rule at a time, under every algorithm. The names say what was done.
func TestForgedMessages(t *testing.T) {
	for _, s := range suites() {
		t.Run(string(s.alg), func(t *testing.T) {
			w := newWorld(t, s)
			var all []attack
			for _, group := range []func(*world) []attack{
				good, contents, whoSigned, standing, attributeRules, bindings, algorithmRules, values, shapes, wrappings, switches,
			} {
				all = append(all, group(w)...)
			}
			if dir := os.Getenv("CMS_ATTACKS"); dir != "" && (s.alg == pki.GOST256 || s.alg == pki.ECDSAP256) {
				keepAttacks(t, dir, w, all)
			}
			seen := map[string]bool{}
			for _, a := range all {
				if seen[a.name] {
					t.Fatalf("two cases %q", a.name)
				}
				seen[a.name] = true
				t.Run(a.name, func(t *testing.T) {
					pin, doc := "leaf", w.doc
					if a.pin != "" {
						pin = a.pin
					}
					if a.doc != nil {
						doc = a.doc
					}
					p := w.policy(pin)
					if a.set != nil {
						a.set(p)
					}
					if v := p.Verify(doc, a.sig, now()); v.Code != a.want || v.Valid() != (a.want == "") {
						t.Fatalf("got %q (%s: %s), want %q", v.Code, v.Status, v.Detail, a.want)
					}
				})
			}
		})
	}
}

func good(w *world) []attack {
	all := []attack{
		{name: "good", sig: w.one(signer{})},
		{name: "null parameters", sig: w.one(signer{digestParams: null(), sigParams: null()})},
		{name: "signature algorithm with digest", sig: w.one(signer{sigOID: w.withOID})},
		{name: "unknown signed attribute", sig: w.one(signer{extra: [][]byte{attr("1.2.3.4.5", octets([]byte("x")))}})},
		{name: "no signing time", sig: w.one(signer{attrs: map[string][]byte{atTime: nil}})},
		{name: "no certificates", sig: w.letter(letter{noCerts: true}, w.si(signer{}))},
		{name: "other certificates in the bag", sig: w.letter(letter{certs: [][]byte{w.certs["root"], w.certs["other"], w.certs["leaf"]}}, w.si(signer{}))},
		{name: "unsigned attribute", sig: w.one(signer{unsigned: attr("1.2.3.4.6", octets([]byte("junk")))})},
		{name: "below an intermediate", sig: w.letter(letter{certs: [][]byte{w.certs["leafsub"]}}, w.si(signer{cert: "leafsub"})), pin: "leafsub"},
		{name: "intermediate only in the bag", sig: w.letter(letter{certs: [][]byte{w.certs["sub"], w.certs["leafsub"]}}, w.si(signer{cert: "leafsub"})), pin: "leafsub", set: func(p *cms.Policy) { p.Intermediates = nil }},
		{name: "binding without issuer and serial", sig: w.one(signer{attrs: map[string][]byte{atSCV2: w.scv2(w.certs["leaf"], algo(w.digestOID, nil), octets(w.digest.Sum(w.certs["leaf"])))}})},
		{name: "binding by another allowed hash", sig: w.one(signer{attrs: map[string][]byte{atSCV2: w.scv2(w.certs["leaf"], algo("2.16.840.1.101.3.4.2.3", nil), octets(pki.SHA512.Sum(w.certs["leaf"])))}})},
		{name: "binding by the default hash", sig: w.one(signer{attrs: map[string][]byte{atSCV2: w.scv2(w.certs["leaf"], octets(pki.SHA256.Sum(w.certs["leaf"])))}})},
		{name: "binding of the chain after the signer", sig: w.one(signer{attrs: map[string][]byte{atSCV2: attr(atSCV2, seq(seq(
			seq(octets(pki.SHA256.Sum(w.certs["leaf"]))), seq(octets(pki.SHA256.Sum(w.certs["root"]))))))}})},
		{name: "both bindings", sig: w.one(signer{extra: [][]byte{attr(atSCV1, seq(seq(seq(octets(oldHash(w.certs["leaf"]))))))}})},
		{name: "countersignature", sig: w.one(signer{unsigned: attr("1.2.840.113549.1.9.6", w.si(signer{}))})},
		{name: "own CRL in the bag", sig: w.letter(letter{crls: w.crl(sheet{by: "root", number: 3})}, w.si(signer{}))},
	}
	sid := tlv(0x80, pki.SHA256.Sum(w.keys["leaf"].Public().SPKI())[:20])
	all = append(all,
		attack{name: "signer by key identifier", sig: w.letter(letter{version: 3}, w.si(signer{version: 3, sid: sid}))},
		attack{name: "key identifier shared by two pins", sig: w.letter(letter{version: 3, noCerts: true}, w.si(signer{cert: "renewed", version: 3, sid: sid})), set: func(p *cms.Policy) {
			p.Signers = append(p.Signers, cms.Pin{Certificate: w.cert("renewed")})
		}})
	return all
}

func oldHash(b []byte) []byte {
	sum := sha1.Sum(b)
	return sum[:]
}

func contents(w *world) []attack {
	return []attack{
		{name: "other content", sig: w.one(signer{}), doc: bytes.Replace(w.doc, []byte("17"), []byte("19"), 1), want: "digest-mismatch"},
		{name: "line ends changed", sig: w.one(signer{}), doc: bytes.ReplaceAll(w.doc, []byte("\r\n"), []byte("\n")), want: "digest-mismatch"},
		{name: "empty content", sig: w.one(signer{}), doc: []byte{}, want: "digest-mismatch"},
		{name: "digest of something else", sig: w.one(signer{attrs: map[string][]byte{atMD: attr(atMD, octets(w.digest.Sum([]byte("x"))))}}), want: "digest-mismatch"},
		{name: "digest cut short", sig: w.one(signer{attrs: map[string][]byte{atMD: attr(atMD, octets(w.digest.Sum(w.doc)[:16]))}}), want: "digest-mismatch"},
		{name: "digest with a tail", sig: w.one(signer{attrs: map[string][]byte{atMD: attr(atMD, octets(append(w.digest.Sum(w.doc), 0)))}}), want: "digest-mismatch"},
		{name: "digest empty", sig: w.one(signer{attrs: map[string][]byte{atMD: attr(atMD, octets(nil))}}), want: "digest-mismatch"},
		{name: "digest not an octet string", sig: w.one(signer{attrs: map[string][]byte{atMD: attr(atMD, tlv(0x0c, w.digest.Sum(w.doc)))}}), want: "digest-mismatch"},
		{name: "attached", sig: w.letter(letter{content: w.doc}, w.si(signer{})), want: "attached"},
		{name: "attached is something else", sig: w.letter(letter{content: []byte("evil")}, w.si(signer{content: []byte("evil")})), want: "attached"},
		{name: "attached and empty", sig: w.letter(letter{content: []byte{}}, w.si(signer{})), want: "attached"},
		{name: "time stamp", sig: w.letter(letter{etype: idTST, version: 3}, w.si(signer{attrs: map[string][]byte{atCT: attr(atCT, oid(idTST))}})), want: "content-type"},
		{name: "signed data inside signed data", sig: w.letter(letter{etype: idSD}, w.si(signer{attrs: map[string][]byte{atCT: attr(atCT, oid(idSD))}})), want: "content-type"},
		{name: "attributes become the content", sig: w.one(signer{bare: true, over: set(w.attributes(signer{}, w.certs["leaf"])...)}), doc: set(w.attributes(signer{}, w.certs["leaf"])...), want: "no-signed-attrs"},
	}
}

func whoSigned(w *world) []attack {
	two := func(a, b signer) []byte {
		return w.letter(letter{certs: [][]byte{w.certs["leaf"], w.certs["other"]}}, w.si(a), w.si(b))
	}
	broken := signer{cert: "other", mutate: flipLast}
	unknown := tlv(0x80, make([]byte, 20))
	return []attack{
		{name: "somebody else", sig: w.letter(letter{certs: [][]byte{w.certs["other"]}}, w.si(signer{cert: "other"})), want: "not-pinned"},
		{name: "names somebody else", sig: w.one(signer{sid: seq(tbs(w.certs["other"])[3], tbs(w.certs["other"])[1])}), want: "not-pinned"},
		{name: "unknown key identifier", sig: w.letter(letter{version: 3}, w.si(signer{version: 3, sid: unknown})), want: "not-pinned"},
		{name: "twin of the leaf from a rogue authority", sig: w.letter(letter{certs: [][]byte{w.certs["rogueleaf"]}}, w.si(signer{cert: "rogueleaf"})), want: "signing-certificate"},
		{name: "rogue key under the leaf's binding", sig: w.letter(letter{certs: [][]byte{w.certs["rogueleaf"], w.certs["leaf"]}}, w.si(signer{key: "rogueleaf"})), want: "signature"},
		{name: "good signature with the twin in the bag", sig: w.letter(letter{certs: [][]byte{w.certs["rogueleaf"], w.certs["leaf"]}}, w.si(signer{})), want: "signing-certificate"},
		{name: "only the twin in the bag", sig: w.letter(letter{certs: [][]byte{w.certs["rogueleaf"]}}, w.si(signer{})), want: "signing-certificate"},
		{name: "two good signers", sig: two(signer{}, signer{cert: "other"}), want: "two-signers"},
		{name: "second broken", sig: two(signer{}, broken), want: "two-signers"},
		{name: "first broken", sig: two(broken, signer{}), want: "two-signers"},
		{name: "second by the twin", sig: two(signer{}, signer{cert: "rogueleaf"}), want: "two-signers"},
		{name: "the same signature twice", sig: two(signer{}, signer{}), want: "two-signers"},
		{name: "no signers", sig: w.letter(letter{}), want: "no-signers"},
		{name: "no policy", sig: w.one(signer{}), set: func(p *cms.Policy) { p.Signers = nil }, want: "not-pinned"},
		{name: "pin not in force yet", sig: w.one(signer{}), set: func(p *cms.Policy) { p.Signers[0].From = now().Add(time.Second) }, want: "pin-period"},
		{name: "pin out of force", sig: w.one(signer{}), set: func(p *cms.Policy) { p.Signers[0].Until = now().Add(-time.Second) }, want: "pin-period"},
		{name: "old pin while the next is not in force", sig: w.one(signer{}), set: func(p *cms.Policy) {
			p.Signers[0].Until = now()
			p.Signers = append(p.Signers, cms.Pin{Certificate: w.cert("renewed"), From: now()})
		}},
		{name: "next pin within the overlap", sig: w.letter(letter{noCerts: true}, w.si(signer{cert: "renewed"})), set: func(p *cms.Policy) {
			p.Signers[0].Until = now()
			p.Signers = append(p.Signers, cms.Pin{Certificate: w.cert("renewed"), From: now()})
		}},
		{name: "card of another bank", sig: w.one(signer{}), set: func(p *cms.Policy) { p.INN = "7800000002" }, want: "subject"},
		{name: "card with another OGRN", sig: w.one(signer{}), set: func(p *cms.Policy) { p.OGRN = "1027700000002" }, want: "subject"},
		{name: "card of the bank", sig: w.one(signer{}), set: func(p *cms.Policy) { p.INN, p.OGRN = "7700000001", "1027700000001" }},
		{name: "by authority and card", sig: w.one(signer{}), set: func(p *cms.Policy) { p.Signers, p.INN = nil, "7700000001" }},
		{name: "by authority, card of another", sig: w.letter(letter{certs: [][]byte{w.certs["nullname"]}}, w.si(signer{cert: "nullname"})), set: func(p *cms.Policy) { p.Signers, p.INN = nil, "7700000001" }, want: "subject"},
		{name: "by authority, certificate not sent", sig: w.letter(letter{noCerts: true}, w.si(signer{})), set: func(p *cms.Policy) { p.Signers, p.INN = nil, "7700000001" }, want: "not-pinned"},
		{name: "by authority, from a rogue one", sig: w.letter(letter{certs: [][]byte{w.certs["rogueleaf"]}}, w.si(signer{cert: "rogueleaf"})), set: func(p *cms.Policy) { p.Signers, p.INN = nil, "7700000001" }, want: "issuer-signature"},
		{name: "by authority, rogue one sent along", sig: w.letter(letter{certs: [][]byte{w.certs["rogueleaf"], w.certs["rogue"]}}, w.si(signer{cert: "rogueleaf"})), set: func(p *cms.Policy) { p.Signers, p.INN = nil, "7700000001" }, want: "issuer-signature"},
		{name: "by authority, without binding", sig: w.one(signer{attrs: map[string][]byte{atSCV2: nil}}), set: func(p *cms.Policy) {
			p.Signers, p.INN, p.SigningCertificateOptional = nil, "7700000001", true
		}, want: "no-signing-certificate"},
		{name: "by authority without a card", sig: w.one(signer{}), set: func(p *cms.Policy) { p.Signers = nil }, want: "not-pinned"},
	}
}

// standing is about the certificate at the time of receipt.
func standing(w *world) []attack {
	by := func(name string) []byte {
		return w.letter(letter{certs: [][]byte{w.certs[name]}}, w.si(signer{cert: name}))
	}
	claims := func(at time.Time) map[string][]byte { return map[string][]byte{atTime: attr(atTime, utc(at))} }
	backdated := w.letter(letter{certs: [][]byte{w.certs["revoked"]}}, w.si(signer{cert: "revoked", attrs: claims(now().AddDate(0, -6, 0))}))
	return []attack{
		{name: "revoked", sig: by("revoked"), pin: "revoked", want: "revoked"},
		{name: "revoked and backdated", sig: backdated, pin: "revoked", want: "revoked"},
		{name: "revoked with a good CRL in the bag", sig: w.letter(letter{certs: [][]byte{w.certs["revoked"]}, crls: w.crl(sheet{by: "root", number: 99})}, w.si(signer{cert: "revoked"})), pin: "revoked", want: "revoked"},
		{name: "revoked, status optional", sig: by("revoked"), pin: "revoked", set: func(p *cms.Policy) { p.RevocationOptional = true }, want: "revoked"},
		{name: "expired", sig: by("expired"), pin: "expired", want: "validity"},
		{name: "expired and backdated", sig: w.letter(letter{}, w.si(signer{cert: "expired", attrs: claims(now().AddDate(-4, -6, 0))})), pin: "expired", want: "validity"},
		{name: "expired, unsigned time says otherwise", sig: w.one(signer{cert: "expired", attrs: map[string][]byte{atTime: nil}, unsigned: attr(atTime, utc(now().AddDate(-4, -6, 0)))}), pin: "expired", want: "validity"},
		{name: "not valid yet", sig: by("future"), pin: "future", want: "validity"},
		{name: "not for signing", sig: by("nosig"), pin: "nosig", want: "key-usage"},
		{name: "unknown critical extension", sig: by("critext"), pin: "critext", want: "critical-extension"},
		{name: "private key past its period", sig: by("pkup"), pin: "pkup", want: "key-period"},
		{name: "private key before its period", sig: by("pkupsoon"), pin: "pkupsoon", want: "key-period"},
		{name: "private key past its period, waived", sig: by("pkup"), pin: "pkup", set: func(p *cms.Policy) { p.KeyPeriodOptional = true }},
		{name: "issued by a leaf", sig: by("underleaf"), pin: "underleaf", want: "issuer-not-ca"},
		{name: "issued by a leaf in the bag", sig: w.letter(letter{certs: [][]byte{w.certs["underleaf"], w.certs["other"]}}, w.si(signer{cert: "underleaf"})), pin: "underleaf", set: func(p *cms.Policy) { p.Intermediates = nil }, want: "issuer-not-ca"},
		{name: "issued by nobody known", sig: by("leafsub"), pin: "leafsub", set: func(p *cms.Policy) { p.Intermediates = nil }, want: "issuer-not-ca"},
		{name: "issued by a namesake", sig: by("wrongsig"), pin: "wrongsig", want: "issuer-signature"},
		{name: "path longer than an authority allows", sig: by("toolong"), pin: "toolong", want: "path-length"},
		{name: "key of an authority past its period", sig: by("underold"), pin: "underold", want: "key-period"},
		{name: "other root", sig: w.one(signer{}), set: func(p *cms.Policy) { p.Roots = []*pki.Certificate{w.cert("rogue")} }, want: "issuer-signature"},
		{name: "namesake root beside the right one", sig: w.one(signer{}), set: func(p *cms.Policy) { p.Roots = append([]*pki.Certificate{w.cert("rogue")}, p.Roots...) }},
		{name: "leaf is the root", sig: w.one(signer{}), set: func(p *cms.Policy) { p.Roots = []*pki.Certificate{w.cert("leaf")} }, want: "issuer-not-ca"},
		{name: "authority between is the root", sig: by("leafsub"), pin: "leafsub", set: func(p *cms.Policy) { p.Roots = []*pki.Certificate{w.cert("sub")} }, want: "issuer-not-ca"},
		{name: "pin alone", sig: w.one(signer{}), set: func(p *cms.Policy) { p.Roots, p.CRLs = nil, nil }},
		{name: "pin alone, expired", sig: by("expired"), pin: "expired", set: func(p *cms.Policy) { p.Roots, p.CRLs = nil, nil }, want: "validity"},
		{name: "lists without roots", sig: w.one(signer{}), set: func(p *cms.Policy) { p.Roots = nil }, want: "issuer-not-ca"},
		{name: "claims to be signed years ahead", sig: w.one(signer{attrs: claims(now().AddDate(4, 0, 0))}), want: "signing-time"},
		{name: "claims to be signed after 2050", sig: w.one(signer{attrs: claims(now().AddDate(40, 0, 0))}), want: "signing-time"},
		{name: "claims to be signed before the certificate", sig: w.one(signer{attrs: claims(now().AddDate(-3, 0, 0))}), want: "signing-time"},
		{name: "clock of the signer a little ahead", sig: w.one(signer{attrs: claims(now().Add(4 * time.Minute))})},
		{name: "clock of the signer too far ahead", sig: w.one(signer{attrs: claims(now().Add(6 * time.Minute))}), want: "signing-time"},
		{name: "clock allowed by the profile", sig: w.one(signer{attrs: claims(now().Add(6 * time.Minute))}), set: func(p *cms.Policy) { p.Skew = 10 * time.Minute }},
	}
}

func attributeRules(w *world) []attack {
	with := func(id string, a []byte) signer { return signer{attrs: map[string][]byte{id: a}} }
	more := func(a ...[]byte) signer { return signer{extra: a} }
	sum := w.digest.Sum(w.doc)
	reverse := func(a [][]byte) [][]byte { slices.Reverse(a); return a }
	empty := signer{attrs: map[string][]byte{atCT: nil, atMD: nil, atTime: nil, atSCV2: nil}}
	deep := null()
	for range 3000 {
		deep = seq(deep)
	}
	var many [][]byte
	for i := range 40 {
		many = append(many, seq(tlv(0x06, []byte{42, 3, byte(i)}), set(null())))
	}
	claimed := func(tag byte, text string) signer { return with(atTime, attr(atTime, tlv(tag, []byte(text)))) }
	return []attack{
		{name: "no message digest", sig: w.one(with(atMD, nil)), want: "no-message-digest"},
		{name: "message digest only unsigned", sig: w.one(signer{attrs: map[string][]byte{atMD: nil}, unsigned: attr(atMD, octets(sum))}), want: "no-message-digest"},
		{name: "no content type", sig: w.one(with(atCT, nil)), want: "no-content-type"},
		{name: "content type of a time stamp", sig: w.one(with(atCT, attr(atCT, oid(idTST)))), want: "content-type"},
		{name: "content type not an identifier", sig: w.one(with(atCT, attr(atCT, octets([]byte("data"))))), want: "content-type"},
		{name: "empty attributes", sig: w.one(empty), want: "no-message-digest"},
		{name: "no signed attributes", sig: w.one(signer{bare: true}), want: "no-signed-attrs"},
		{name: "two digests, one right", sig: w.one(more(attr(atMD, octets(make([]byte, len(sum)))))), want: "duplicate-attribute"},
		{name: "the same digest twice", sig: w.one(more(attr(atMD, octets(sum)))), want: "duplicate-attribute"},
		{name: "two content types", sig: w.one(more(attr(atCT, oid(idTST)))), want: "duplicate-attribute"},
		{name: "two times", sig: w.one(more(attr(atTime, utc(now().AddDate(1, 0, 0))))), want: "duplicate-attribute"},
		{name: "two bindings", sig: w.one(more(w.scv2(w.certs["other"]))), want: "duplicate-attribute"},
		{name: "unknown attribute twice", sig: w.one(more(attr("1.2.3.4.5", null()), attr("1.2.3.4.5", octets(nil)))), want: "duplicate-attribute"},
		{name: "digest without a value", sig: w.one(with(atMD, attr(atMD))), want: "attribute-values"},
		{name: "digest with two values", sig: w.one(with(atMD, attr(atMD, octets(sum), octets(make([]byte, len(sum)))))), want: "attribute-values"},
		{name: "content type with two values", sig: w.one(with(atCT, attr(atCT, oid(idData), oid(idTST)))), want: "attribute-values"},
		{name: "unknown attribute with two values", sig: w.one(more(attr("1.2.3.4.5", null(), octets(nil)))), want: "attribute-values"},
		{name: "attributes out of order", sig: w.one(signer{order: reverse}), want: "not-der"},
		{name: "out of order, signed as if sorted", sig: w.one(signer{order: reverse, over: set(w.attributes(signer{}, w.certs["leaf"])...)}), want: "not-der"},
		{name: "signed under the tag as sent", sig: w.one(signer{over: explicit(0, w.attributes(signer{}, w.certs["leaf"])...)}), want: "signature"},
		{name: "signed as a sequence", sig: w.one(signer{over: seq(w.attributes(signer{}, w.certs["leaf"])...)}), want: "signature"},
		{name: "attribute without a set", sig: w.one(more(seq(oid("1.2.3.4.5"), octets(nil)))), want: "not-der"},
		{name: "attribute with a third part", sig: w.one(more(seq(oid("1.2.3.4.5"), set(null()), null()))), want: "not-der"},
		{name: "nested without end", sig: w.one(more(attr("1.2.3.4.5", deep))), want: "limits"},
		{name: "too many attributes", sig: w.one(more(many...)), want: "limits"},
		{name: "time with an offset", sig: w.one(claimed(0x17, "261122120000+0300")), want: "signing-time"},
		{name: "time without seconds", sig: w.one(claimed(0x17, "2611221200Z")), want: "signing-time"},
		{name: "time with fractions", sig: w.one(claimed(0x18, "20261122120000.5Z")), want: "signing-time"},
		{name: "time of this century spelled long", sig: w.one(claimed(0x18, "20261122120000Z")), want: "signing-time"},
		{name: "time that is no date", sig: w.one(claimed(0x17, "269922120000Z")), want: "signing-time"},
		{name: "time as text", sig: w.one(claimed(0x0c, "261122120000Z")), want: "signing-time"},
	}
}

func bindings(w *world) []attack {
	leaf, other := w.certs["leaf"], w.certs["other"]
	f, g := tbs(leaf), tbs(other)
	sum := octets(w.digest.Sum(leaf))
	hash := algo(w.digestOID, nil)
	named := func(issuer, serial []byte) []byte { return seq(seq(explicit(4, issuer)), serial) }
	bound := func(name string, a []byte, want string) attack {
		return attack{name: "binding " + name, sig: w.one(signer{attrs: map[string][]byte{atSCV2: a}}), want: want}
	}
	one := func(parts ...[]byte) []byte { return w.scv2(leaf, parts...) }
	return []attack{
		bound("missing", nil, "no-signing-certificate"),
		{name: "binding by SHA-1 only", sig: w.one(signer{attrs: map[string][]byte{atSCV2: nil}, extra: [][]byte{attr(atSCV1, seq(seq(seq(octets(make([]byte, 20))))))}}), want: "no-signing-certificate"},
		{name: "binding only unsigned", sig: w.one(signer{attrs: map[string][]byte{atSCV2: nil}, unsigned: w.scv2(leaf)}), want: "no-signing-certificate"},
		bound("of another certificate", one(hash, octets(w.digest.Sum(other)), named(f[3], f[1])), "signing-certificate"),
		bound("with another serial", one(hash, sum, named(f[3], g[1])), "signing-certificate"),
		bound("with another issuer", one(hash, sum, named(name("Чужой УЦ", ""), f[1])), "signing-certificate"),
		bound("with two issuer names", one(hash, sum, seq(seq(explicit(4, f[3]), explicit(4, f[3])), f[1])), "signing-certificate"),
		bound("with an address for an issuer", one(hash, sum, seq(seq(tlv(0x82, []byte("ca.example"))), f[1])), "signing-certificate"),
		bound("with something more", one(hash, sum, named(f[3], f[1]), null()), "signing-certificate"),
		bound("with the right one second", attr(atSCV2, seq(seq(seq(octets(pki.SHA256.Sum(other))), seq(octets(pki.SHA256.Sum(leaf)))))), "signing-certificate"),
		bound("of a stranger after the signer", attr(atSCV2, seq(seq(seq(octets(pki.SHA256.Sum(leaf))), seq(octets(pki.SHA256.Sum(other)))))), "signing-certificate"),
		bound("of junk after the signer", attr(atSCV2, seq(seq(seq(octets(pki.SHA256.Sum(leaf))), null()))), "signing-certificate"),
		{name: "binding of a stranger after the signer, pin alone", sig: w.one(signer{attrs: map[string][]byte{
			atSCV2: attr(atSCV2, seq(seq(seq(octets(pki.SHA256.Sum(leaf))), seq(octets(pki.SHA256.Sum(other)))))),
		}}), set: func(p *cms.Policy) { p.Roots, p.CRLs = nil, nil }},
		{name: "old binding of another certificate beside", sig: w.one(signer{extra: [][]byte{attr(atSCV1, seq(seq(seq(octets(oldHash(other))))))}}), want: "signing-certificate"},
		{name: "old binding of a stranger after the signer", sig: w.one(signer{extra: [][]byte{attr(atSCV1, seq(seq(seq(octets(oldHash(leaf))), seq(octets(oldHash(other))))))}}), want: "signing-certificate"},
		{name: "unsigned binding of another certificate beside", sig: w.one(signer{unsigned: w.scv2(other)}), want: "attribute-place"},
		{name: "unsigned digest beside", sig: w.one(signer{unsigned: attr(atMD, octets(nil))}), want: "attribute-place"},
		{name: "unsigned time beside", sig: w.one(signer{unsigned: attr(atTime, utc(now()))}), want: "attribute-place"},
		{name: "signed countersignature", sig: w.one(signer{extra: [][]byte{attr("1.2.840.113549.1.9.6", null())}}), want: "attribute-place"},
		bound("of nothing", attr(atSCV2, seq(seq())), "signing-certificate"),
		bound("not a sequence", attr(atSCV2, octets(pki.SHA256.Sum(leaf))), "signing-certificate"),
		bound("with an empty hash", one(hash, octets(nil)), "signing-certificate"),
		bound("with half a hash", one(hash, octets(w.digest.Sum(leaf)[:16])), "signing-certificate"),
		bound("by SHA-1", one(algo("1.3.14.3.2.26", nil), octets(make([]byte, 20))), "weak-digest"),
		bound("by an unknown hash", one(algo("1.2.3.4", nil), sum), "algorithm"),
		bound("by a hash with parameters", one(algo(w.digestOID, seq(oid("1.2.3"))), sum), "signing-certificate"),
	}
}

func algorithmRules(w *world) []attack {
	digest := func(name, id, want string) attack {
		return attack{name: "digest " + name, sig: w.letter(letter{digests: [][]byte{algo(id, nil)}}, w.si(signer{digestOID: id})), want: want}
	}
	value := func(name, id, want string) attack {
		return attack{name: "signature algorithm " + name, sig: w.one(signer{sigOID: id}), want: want}
	}
	all := []attack{
		digest("MD5", "1.2.840.113549.2.5", "weak-digest"),
		digest("SHA-1", "1.3.14.3.2.26", "weak-digest"),
		digest("SHA-224", "2.16.840.1.101.3.4.2.4", "weak-digest"),
		digest("GOST R 34.11-94", "1.2.643.2.2.9", "weak-digest"),
		digest("SHA3", "2.16.840.1.101.3.4.2.8", "algorithm"),
		digest("of another family", w.otherOID, "algorithm"),
		{name: "digest changed, everything made with it", sig: w.letter(letter{digests: [][]byte{algo(w.otherOID, nil)}}, w.si(signer{digestOID: w.otherOID, attrs: map[string][]byte{atMD: attr(atMD, octets(w.otherHash.Sum(w.doc)))}})), want: "algorithm"},
		{name: "digest with parameters", sig: w.one(signer{digestParams: seq(oid("1.2.3"))}), want: "algorithm"},
		{name: "digest not listed", sig: w.letter(letter{noDigests: true}, w.si(signer{})), want: "algorithm"},
		{name: "digest listed is another", sig: w.letter(letter{digests: [][]byte{algo("2.16.840.1.101.3.4.2.3", nil)}}, w.si(signer{})), want: "algorithm"},
		value("Ed25519", "1.3.101.112", "algorithm"),
		value("GOST R 34.10-2001", "1.2.643.2.2.19", "algorithm"),
		value("ECDSA with SHA-1", "1.2.840.10045.4.1", "algorithm"),
		value("RSA with SHA-1", "1.2.840.113549.1.1.5", "algorithm"),
		value("of another family", w.crossed, "algorithm"),
		{name: "signature algorithm with parameters", sig: w.one(signer{sigParams: seq(oid("1.2.3"))}), want: "algorithm"},
		{name: "no digest parameters but junk behind", sig: w.one(signer{digestParams: append(null(), null()...)}), want: "not-der"},
	}
	if w.alg == pki.RSA {
		all = append(all, value("PSS", "1.2.840.113549.1.1.10", "rsa-pss"))
		sha512 := signer{digestOID: "2.16.840.1.101.3.4.2.3", sigOID: "1.2.840.113549.1.1.11"}
		all = append(all, attack{name: "SHA-256 signature over SHA-512 digest", sig: w.letter(letter{digests: [][]byte{algo(sha512.digestOID, nil)}}, w.si(sha512)), want: "algorithm"})
	}
	// A key of another kind under the same names: the pinned certificate decides, not the message.
	for _, s := range suites() {
		if s.alg == w.alg || s.keyOID == w.keyOID {
			continue
		}
		if (s.alg == pki.ECDSAP256 || s.alg == pki.ECDSAP384) && (w.alg == pki.ECDSAP256 || w.alg == pki.ECDSAP384) {
			continue // one algorithm on two curves: only the value tells
		}
		all = append(all, attack{name: "signature algorithm of " + string(s.alg), sig: w.letter(letter{digests: [][]byte{algo(s.digestOID, nil)}},
			w.si(signer{digestOID: s.digestOID, sigOID: s.keyOID, sigParams: null(), attrs: map[string][]byte{atMD: attr(atMD, octets(s.digest.Sum(w.doc)))}})), want: "algorithm"})
	}
	return all
}

// values are signature values that no key made.
func values(w *world) []attack {
	sig := func(name string, b []byte) attack {
		return attack{name: "value " + name, sig: w.one(signer{sig: b}), want: "signature"}
	}
	change := func(name string, f func([]byte) []byte) attack {
		return attack{name: "value " + name, sig: w.one(signer{mutate: f}), want: "signature"}
	}
	all := []attack{
		sig("empty", []byte{}),
		change("with the last bit flipped", flipLast),
		change("with the first bit flipped", func(b []byte) []byte { b[0] ^= 0x80; return b }),
		change("cut short", func(b []byte) []byte { return b[:len(b)-1] }),
		change("with an octet behind", func(b []byte) []byte { return append(b, 0) }),
		change("with an octet before", func(b []byte) []byte { return append([]byte{0}, b...) }),
		change("twice", func(b []byte) []byte { return append(b, b...) }),
		{name: "value over the content", sig: w.one(signer{over: w.doc}), want: "signature"},
		{name: "value over other attributes", sig: w.one(signer{over: set(w.attributes(signer{content: []byte("x")}, w.certs["leaf"])...)}), want: "signature"},
		{name: "value by another key", sig: w.one(signer{key: "other"}), want: "signature"},
	}
	if w.half == 0 {
		n := 256
		all = append(all, sig("zero", make([]byte, n)), sig("one", append(make([]byte, n-1), 1)), sig("all ones", bytes.Repeat([]byte{0xff}, n)))
		return all
	}
	return append(all, pairs(w)...)
}

// pairs are values of (r, s) out of range or in another spelling.
func pairs(w *world) []attack {
	q := hexInt(w.order)
	zero, one := new(big.Int), big.NewInt(1)
	gost := w.alg == pki.GOST256 || w.alg == pki.GOST512
	pair := func(name string, r, s *big.Int) attack {
		v := seq(bigNumber(r), bigNumber(s))
		if gost {
			v = append(s.FillBytes(make([]byte, w.half)), r.FillBytes(make([]byte, w.half))...)
		}
		return attack{name: "value " + name, sig: w.one(signer{sig: v}), want: "signature"}
	}
	minus := new(big.Int).Sub(q, one)
	all := []attack{
		pair("of zeros", zero, zero), pair("with r zero", zero, one), pair("with s zero", one, zero), pair("with r the order", q, one),
		pair("with s the order", one, q), pair("of ones", one, one), pair("of minus ones", minus, minus),
	}
	change := func(name string, f func([]byte) []byte) attack {
		return attack{name: "value " + name, sig: w.one(signer{mutate: f}), want: "signature"}
	}
	if gost {
		return append(all,
			change("with its halves swapped", func(b []byte) []byte { return append(bytes.Clone(b[w.half:]), b[:w.half]...) }),
			change("reversed", func(b []byte) []byte { slices.Reverse(b); return b }),
			change("with each half reversed", func(b []byte) []byte { slices.Reverse(b[:w.half]); slices.Reverse(b[w.half:]); return b }),
			change("as a sequence", func(b []byte) []byte {
				return seq(bigNumber(new(big.Int).SetBytes(b[w.half:])), bigNumber(new(big.Int).SetBytes(b[:w.half])))
			}),
			change("wrapped in an octet string", octets),
			change("with s plus the order", func(b []byte) []byte {
				s := new(big.Int).SetBytes(b[:w.half])
				if s.Add(s, q).BitLen() > 8*w.half {
					return flipLast(b) // does not fit: any wrong value will do
				}
				return append(s.FillBytes(make([]byte, w.half)), b[w.half:]...)
			}))
	}
	parts := func(b []byte) (r, s *big.Int) {
		k := kids(b)
		return new(big.Int).SetBytes(body(k[0])), new(big.Int).SetBytes(body(k[1]))
	}
	return append(all,
		change("with a negative r", func(b []byte) []byte {
			k := kids(b)
			return seq(tlv(2, []byte{0x80 | body(k[0])[len(body(k[0]))-1]}, body(k[0])), k[1])
		}),
		change("with a third number", func(b []byte) []byte { k := kids(b); return seq(k[0], k[1], number(1)) }),
		change("with junk behind", func(b []byte) []byte { return append(b, null()...) }),
		change("with r plus the order", func(b []byte) []byte { r, s := parts(b); return seq(bigNumber(r.Add(r, q)), bigNumber(s)) }),
		change("with a padded r", func(b []byte) []byte {
			k := kids(b)
			return seq(tlv(2, []byte{0}, append([]byte{0}, body(k[0])...)), k[1])
		}),
		change("with a long length", func(b []byte) []byte { return append([]byte{0x30, 0x82, 0, byte(len(body(b)))}, body(b)...) }),
		change("raw", func(b []byte) []byte {
			r, s := parts(b)
			return append(r.FillBytes(make([]byte, w.half)), s.FillBytes(make([]byte, w.half))...)
		}))
}

// shapes are about the encoding of the message as a whole.
func shapes(w *world) []attack {
	good := w.one(signer{})
	inside := body(good)
	long := func(n int) []byte {
		return append([]byte{0x30, 0x84, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, inside...)
	}
	deep := []byte{}
	for range 3000 {
		deep = seq(deep)
	}
	badOID := bytes.Replace(good, oid(idSD), append([]byte{6, byte(len(oid(idSD)) - 2), 0x80}, oid(idSD)[3:]...), 1)
	var many [][]byte
	for range 40 {
		many = append(many, w.certs["leaf"])
	}
	attrs := explicit(0, w.attributes(signer{}, w.certs["leaf"])...)
	indefinite := bytes.Replace(good, attrs, slices.Concat([]byte{0xa0, 0x80}, body(attrs), []byte{0, 0}), 1)
	var crowd [][]byte
	for range 9 {
		crowd = append(crowd, w.si(signer{}))
	}
	return []attack{
		{name: "an octet behind", sig: append(bytes.Clone(good), 0), want: "trailing-data"},
		{name: "twice in one file", sig: append(bytes.Clone(good), good...), want: "trailing-data"},
		{name: "length not minimal", sig: long(len(inside)), want: "not-der"},
		{name: "length far too large", sig: long(0x7fffffff), want: "not-der"},
		{name: "length wraps around", sig: append([]byte{0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, inside...), want: "not-der"},
		{name: "cut short", sig: good[:len(good)-7], want: "not-der"},
		{name: "one octet", sig: good[:1], want: "not-der"},
		{name: "empty", sig: []byte{}, want: "not-der"},
		{name: "nested sequences", sig: deep, want: "not-signed-data"},
		{name: "open sequences", sig: bytes.Repeat([]byte{0x30, 0x80}, 100000), want: "ber"},
		{name: "huge", sig: append([]byte{0x30}, make([]byte, 2<<20)...), want: "limits"},
		{name: "data in place of signed data", sig: w.letter(letter{outer: idData}, w.si(signer{})), want: "not-signed-data"},
		{name: "encrypted in place of signed data", sig: w.letter(letter{outer: "1.2.840.113549.1.7.3"}, w.si(signer{})), want: "not-signed-data"},
		{name: "content type misspelled", sig: badOID, want: "not-signed-data"},
		{name: "a certificate", sig: w.certs["leaf"], want: "not-signed-data"},
		{name: "a CRL", sig: w.crl(sheet{by: "root"}), want: "not-signed-data"},
		{name: "text", sig: []byte("Подпись прилагается"), want: "not-der"},
		{name: "message version 9", sig: w.letter(letter{version: 9}, w.si(signer{})), want: "version"},
		{name: "message version 2", sig: w.letter(letter{version: 2}, w.si(signer{})), want: "version"},
		{name: "message version 3 without need", sig: w.letter(letter{version: 3}, w.si(signer{})), want: "version"},
		{name: "signer version 3 with issuer and serial", sig: w.one(signer{version: 3}), want: "version"},
		{name: "signer version 1 with key identifier", sig: w.letter(letter{version: 3}, w.si(signer{sid: tlv(0x80, w.cert("leaf").X509.SubjectKeyId)})), want: "version"},
		{name: "message version 1 with key identifier", sig: w.one(signer{version: 3, sid: tlv(0x80, w.cert("leaf").X509.SubjectKeyId)}), want: "version"},
		{name: "empty key identifier", sig: w.letter(letter{version: 3}, w.si(signer{version: 3, sid: tlv(0x80)})), want: "not-der"},
		{name: "something behind the signature value", sig: w.one(signer{tail: null()}), want: "not-der"},
		{name: "signed attributes of indefinite length", sig: fixed(indefinite), want: "ber"},
		{name: "junk for a certificate", sig: w.letter(letter{certs: [][]byte{seq(number(1))}}, w.si(signer{})), want: "certificates"},
		{name: "damaged certificate", sig: w.letter(letter{certs: [][]byte{damaged(w.certs["other"])}}, w.si(signer{})), want: "certificates"},
		{name: "damaged certificate, loose", sig: w.letter(letter{certs: [][]byte{damaged(w.certs["other"])}}, w.si(signer{})), set: func(p *cms.Policy) { p.LooseBag = true }},
		{name: "junk for a CRL", sig: w.letter(letter{crls: seq(number(1))}, w.si(signer{})), want: "certificates"},
		{name: "attribute certificate in the bag", sig: w.letter(letter{certs: [][]byte{explicit(2, seq())}}, w.si(signer{})), want: "certificates"},
		{name: "too many certificates", sig: w.letter(letter{certs: many}, w.si(signer{})), want: "limits"},
		{name: "too many signers", sig: w.letter(letter{}, crowd...), want: "limits"},
		{name: "boolean that is neither", sig: w.one(signer{extra: [][]byte{attr("1.2.3.4.5", []byte{1, 1, 1})}}), want: "not-der"},
		{name: "integer with a needless zero", sig: w.one(signer{extra: [][]byte{attr("1.2.3.4.5", []byte{2, 2, 0, 1})}}), want: "not-der"},
		{name: "null with content", sig: w.one(signer{extra: [][]byte{attr("1.2.3.4.5", []byte{5, 1, 0})}}), want: "not-der"},
		{name: "constructed string", sig: w.one(signer{extra: [][]byte{attr("1.2.3.4.5", tlv(0x24, octets([]byte("x"))))}}), want: "ber"},
		{name: "primitive sequence", sig: w.one(signer{extra: [][]byte{attr("1.2.3.4.5", []byte{0x10, 0})}}), want: "not-der"},
		{name: "end of contents inside", sig: w.one(signer{unsigned: slices.Concat(attr("1.2.3.4.5", null()), []byte{0, 0})}), want: "not-der"},
		{name: "long tag", sig: w.one(signer{unsigned: attr("1.2.3.4.5", []byte{0x1f, 0x81, 0x00})}), want: "not-der"},
	}
}

// fixed repairs the lengths of a message in which one element grew or shrank without them.
func fixed(b []byte) []byte {
	h, _ := head(b)
	inner := b[h:]
	id := inner[:len(oid(idSD))]
	rest := inner[len(id):]
	h1, _ := head(rest)
	rest = rest[h1:]
	h2, _ := head(rest)
	sd := rest[h2:]
	// The attributes stand in the last SignerInfo: rebuild the path to it.
	var parts [][]byte
	for {
		h3, n3 := head(sd)
		if sd[0] == 0x31 && len(parts) > 1 {
			si := sd[h3:]
			h4, _ := head(si)
			parts = append(parts, set(seq(si[h4:])))
			break
		}
		parts = append(parts, sd[:h3+n3])
		sd = sd[h3+n3:]
	}
	return seq(id, explicit(0, seq(parts...)))
}

// damaged breaks the names of a certificate, so that it is DER and no certificate.
func damaged(cert []byte) []byte {
	k := kids(cert)
	f := kids(k[0])
	f[3] = seq(null())
	return seq(seq(f...), k[1], k[2])
}

// wrappings are the texts in which a signature may come.
func wrappings(w *world) []attack {
	good := w.one(signer{})
	block := func(kind string) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: good}) }
	b64 := []byte(base64.StdEncoding.EncodeToString(good))
	strict := func(p *cms.Policy) { p.DEROnly = true }
	lines := bytes.Join(slices.Collect(slices.Chunk(b64, 64)), []byte("\r\n"))
	return []attack{
		{name: "PEM", sig: block("CMS")},
		{name: "PEM of PKCS7", sig: block("PKCS7")},
		{name: "base64", sig: b64},
		{name: "base64 in lines", sig: append(lines, '\r', '\n')},
		{name: "PEM where DER is wanted", sig: block("CMS"), set: strict, want: "pem"},
		{name: "base64 where DER is wanted", sig: b64, set: strict, want: "base64"},
		{name: "DER where DER is wanted", sig: good, set: strict},
		{name: "PEM of a certificate", sig: block("CERTIFICATE"), want: "not-der"},
		{name: "two PEM blocks", sig: append(block("CMS"), block("CMS")...), want: "not-der"},
		{name: "text after PEM", sig: append(block("CMS"), "Подписано"...), want: "trailing-data"},
		{name: "text before PEM", sig: append([]byte("Подписано\n"), block("CMS")...), want: "not-der"},
		{name: "PEM with a header", sig: pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: good, Headers: map[string]string{"a": "b"}}), want: "not-der"},
		{name: "base64 with a tail", sig: append(bytes.Clone(b64), '!'), want: "not-der"},
		{name: "base64 of base64", sig: []byte(base64.StdEncoding.EncodeToString(b64)), want: "not-der"},
		{name: "PEM of a message with an octet behind", sig: pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: append(bytes.Clone(good), 0)}), want: "trailing-data"},
	}
}

// switches are what a profile may allow, and what stays refused then.
func switches(w *world) []attack {
	good := w.one(signer{})
	ber := func(p *cms.Policy) { p.BER = true }
	indef := func(tag byte, b []byte) []byte { return slices.Concat([]byte{tag, 0x80}, b, []byte{0, 0}) }
	k := kids(good)
	sd := kids(kids(k[1])[0])
	outer := indef(0x30, slices.Concat(k[0], indef(0xa0, body(k[1]))))
	bouncy := indef(0x30, slices.Concat(k[0], indef(0xa0, indef(0x30, slices.Concat(sd[0], sd[1], sd[2], indef(0xa0, body(sd[3])), sd[4])))))
	segmented := seq(k[0], explicit(0, seq(sd[0], sd[1], seq(oid(idData), explicit(0, tlv(0x24, octets(w.doc[:3]), octets(w.doc[3:])))), sd[3], sd[4])))
	twoPins := func(p *cms.Policy) {
		p.Signatures = 2
		p.Signers = append(p.Signers, cms.Pin{Certificate: w.cert("other")})
	}
	both := w.letter(letter{certs: [][]byte{w.certs["leaf"], w.certs["other"]}}, w.si(signer{}), w.si(signer{cert: "other"}))
	attached := func(p *cms.Policy) { p.Attached = true }
	optional := func(p *cms.Policy) { p.SigningCertificateOptional = true }
	unbound := map[string][]byte{atSCV2: nil}
	return []attack{
		{name: "BER outside", sig: outer, want: "ber"},
		{name: "BER outside, allowed", sig: outer, set: ber},
		{name: "BER as BouncyCastle writes", sig: bouncy, want: "ber"},
		{name: "BER as BouncyCastle writes, allowed", sig: bouncy, set: ber},
		{name: "BER never ending", sig: bouncy[:len(bouncy)-2], set: ber, want: "ber"},
		{name: "BER with an octet behind", sig: append(bytes.Clone(bouncy), 0), set: ber, want: "trailing-data"},
		{name: "BER with a length not minimal", sig: append([]byte{0x30, 0x80, 0x06, 0x81, 9}, outer[4:]...), set: ber, want: "not-der"},
		{name: "BER of open sequences", sig: bytes.Repeat([]byte{0x30, 0x80}, 100000), set: ber, want: "ber"},
		{name: "BER of segments, detached", sig: segmented, set: ber, want: "attached"},
		{name: "BER of segments, attached", sig: segmented, set: func(p *cms.Policy) { p.BER, p.Attached = true, true }},
		{name: "BER of a primitive", sig: append([]byte{0x30, 0x80, 0x06, 0x80}, outer[4:]...), set: ber, want: "not-der"},
		{name: "DER where BER is allowed", sig: good, set: ber},
		{name: "length not minimal where BER is allowed", sig: append([]byte{0x30, 0x84, 0, 0, byte(len(body(good)) >> 8), byte(len(body(good)))}, body(good)...), set: ber, want: "not-der"},
		{name: "attached, allowed", sig: w.letter(letter{content: w.doc}, w.si(signer{})), set: attached},
		{name: "attached other content, allowed", sig: w.letter(letter{content: []byte("evil")}, w.si(signer{content: []byte("evil")})), set: attached, want: "attached"},
		{name: "two signers, wanted", sig: both, set: twoPins},
		{name: "two signers wanted, one came", sig: good, set: twoPins, want: "two-signers"},
		{name: "two signers wanted, the same twice", sig: w.letter(letter{}, w.si(signer{}), w.si(signer{})), set: twoPins, want: "two-signers"},
		{name: "two signers wanted, one key under two certificates", sig: w.letter(letter{noCerts: true}, w.si(signer{}), w.si(signer{cert: "renewed"})), set: func(p *cms.Policy) {
			p.Signatures = 2
			p.Signers = append(p.Signers, cms.Pin{Certificate: w.cert("renewed")})
		}, want: "two-signers"},
		{name: "two signers wanted, second not known", sig: both, set: func(p *cms.Policy) { p.Signatures = 2 }, want: "not-pinned"},
		{name: "two signers wanted, second broken", sig: w.letter(letter{}, w.si(signer{}), w.si(signer{cert: "other", mutate: flipLast})), set: twoPins, want: "signature"},
		{name: "without binding, allowed", sig: w.one(signer{attrs: unbound}), set: optional},
		{name: "wrong binding where none is needed", sig: w.one(signer{attrs: map[string][]byte{atSCV2: w.scv2(w.certs["other"])}}), set: optional, want: "signing-certificate"},
		{name: "without binding, by another key", sig: w.one(signer{attrs: unbound, key: "other"}), set: optional, want: "signature"},
	}
}

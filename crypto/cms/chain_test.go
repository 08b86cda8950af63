package cms_test

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"slices"
	"testing"
	"time"

	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

// A chain of three, root, sub and leaf, in which one certificate at a time gets one extension, or one field, that it
// should not have, may have, or must have. What is accepted here must be accepted by openssl too.

// twist changes one certificate: its extensions, or its octets before they are signed.
type twist struct {
	name string
	ext  []byte                // replaces the extension of the same name, or is added
	drop string                // the extension that is left out
	tbs  func([][]byte) []byte // rebuilds the signed part from its fields
	tail func([]byte) []byte   // changes the whole after signing
}

func twists(w *world, role string) []twist {
	dn := func(common string) []byte { return explicit(4, name(common, "")) }
	at := func(t time.Time) []byte { return tlv(0x18, []byte(t.UTC().Format("20060102150405Z"))) }
	field := func(i int, v []byte) func([][]byte) []byte {
		return func(f [][]byte) []byte { f[i] = v; return seq(f...) }
	}
	authority := "root"
	if role == "leaf" {
		authority = "sub"
	}
	above := w.cert(authority).X509
	return []twist{
		{name: "nothing"},
		{name: "unknown extension", ext: ext("1.2.3.4", false, null())},
		{name: "unknown critical extension", ext: ext("1.2.3.4", true, null())},
		{name: "no basicConstraints", drop: "2.5.29.19"},
		{name: "basicConstraints of an end", ext: ext("2.5.29.19", false, seq())},
		{name: "basicConstraints of an authority", ext: ext("2.5.29.19", true, seq([]byte{1, 1, 0xff}))},
		{name: "basicConstraints of an authority over none", ext: ext("2.5.29.19", true, seq([]byte{1, 1, 0xff}, number(0)))},
		{name: "basicConstraints of an authority over one", ext: ext("2.5.29.19", true, seq([]byte{1, 1, 0xff}, number(1)))},
		{name: "basicConstraints with a negative length", ext: ext("2.5.29.19", true, seq([]byte{1, 1, 0xff}, []byte{2, 1, 0xff}))},
		{name: "basicConstraints with a length and no authority", ext: ext("2.5.29.19", true, seq(number(0)))},
		{name: "basicConstraints of junk", ext: ext("2.5.29.19", true, null())},
		{name: "basicConstraints with a tail", ext: ext("2.5.29.19", true, append(seq([]byte{1, 1, 0xff}), 5, 0))},
		{name: "no keyUsage", drop: "2.5.29.15"},
		{name: "keyUsage of nothing", ext: ext("2.5.29.15", true, []byte{3, 1, 0})},
		{name: "keyUsage of signatures", ext: usage(7, 0x80)},
		{name: "keyUsage of non-repudiation", ext: usage(6, 0x40)},
		{name: "keyUsage of certificates", ext: usage(2, 0x04)},
		{name: "keyUsage of lists", ext: usage(1, 0x02)},
		{name: "keyUsage of encryption", ext: usage(5, 0x20)},
		{name: "keyUsage of everything", ext: ext("2.5.29.15", true, []byte{3, 3, 7, 0xff, 0x80})},
		{name: "keyUsage not critical", ext: ext("2.5.29.15", false, []byte{3, 2, 1, 0xc6})},
		{name: "keyUsage of junk", ext: ext("2.5.29.15", true, octets([]byte{0xc6}))},
		{name: "extKeyUsage of servers", ext: ext("2.5.29.37", false, seq(oid("1.3.6.1.5.5.7.3.1")))},
		{name: "extKeyUsage of servers, critical", ext: ext("2.5.29.37", true, seq(oid("1.3.6.1.5.5.7.3.1")))},
		{name: "extKeyUsage of time stamps", ext: ext("2.5.29.37", true, seq(oid("1.3.6.1.5.5.7.3.8")))},
		{name: "extKeyUsage of nothing", ext: ext("2.5.29.37", false, seq())},
		{name: "extKeyUsage of junk", ext: ext("2.5.29.37", false, null())},
		{name: "nameConstraints that exclude", ext: ext("2.5.29.30", false, seq(explicit(1, seq(dn("Банк")))))},
		{name: "nameConstraints that permit another", ext: ext("2.5.29.30", false, seq(explicit(0, seq(dn("Ромашка")))))},
		{name: "nameConstraints, critical", ext: ext("2.5.29.30", true, seq(explicit(0, seq(dn("Ромашка")))))},
		{name: "nameConstraints of junk", ext: ext("2.5.29.30", false, null())},
		{name: "policyConstraints", ext: ext("2.5.29.36", false, seq(tlv(0x80, []byte{0})))},
		{name: "policyConstraints, critical", ext: ext("2.5.29.36", true, seq(tlv(0x80, []byte{0})))},
		{name: "inhibitAnyPolicy, critical", ext: ext("2.5.29.54", true, number(0))},
		{name: "policyMappings, critical", ext: ext("2.5.29.33", true, seq(seq(oid("1.2.3"), oid("1.2.4"))))},
		{name: "certificatePolicies, critical", ext: ext("2.5.29.32", true, seq(seq(oid("1.2.643.100.113.1"))))},
		{name: "certificatePolicies twice the same", ext: ext("2.5.29.32", false, seq(seq(oid("1.2.3")), seq(oid("1.2.3"))))},
		{name: "proxyCertInfo", ext: ext("1.3.6.1.5.5.7.1.14", false, seq(seq(oid("1.3.6.1.5.5.7.21.1"))))},
		{name: "proxyCertInfo, critical", ext: ext("1.3.6.1.5.5.7.1.14", true, seq(seq(oid("1.3.6.1.5.5.7.21.1"))))},
		{name: "qcStatements, critical", ext: ext("1.3.6.1.5.5.7.1.3", true, seq(seq(oid("0.4.0.1862.1.1"))))},
		{name: "authorityKeyIdentifier, right", ext: ext("2.5.29.35", false, seq(tlv(0x80, above.SubjectKeyId)))},
		{name: "authorityKeyIdentifier of another key", ext: ext("2.5.29.35", false, seq(tlv(0x80, make([]byte, 20))))},
		{name: "authorityKeyIdentifier by name and number", ext: ext("2.5.29.35", false, seq(explicit(1, explicit(4, above.RawIssuer)), tlv(0x82, above.SerialNumber.Bytes())))},
		{name: "authorityKeyIdentifier with another number", ext: ext("2.5.29.35", false, seq(explicit(1, explicit(4, above.RawIssuer)), tlv(0x82, []byte{99})))},
		{name: "authorityKeyIdentifier with another name", ext: ext("2.5.29.35", false, seq(explicit(1, dn("Чужой УЦ")), tlv(0x82, above.SerialNumber.Bytes())))},
		{name: "authorityKeyIdentifier, critical", ext: ext("2.5.29.35", true, seq(tlv(0x80, above.SubjectKeyId)))},
		{name: "authorityKeyIdentifier of junk", ext: ext("2.5.29.35", false, null())},
		{name: "no subjectKeyIdentifier", drop: "2.5.29.14"},
		{name: "subjectKeyIdentifier, critical", ext: ext("2.5.29.14", true, octets(make([]byte, 20)))},
		{name: "subjectKeyIdentifier of another", ext: ext("2.5.29.14", false, octets(make([]byte, 20)))},
		{name: "subjectKeyIdentifier of junk", ext: ext("2.5.29.14", false, null())},
		{name: "subjectAltName, critical", ext: ext("2.5.29.17", true, seq(tlv(0x82, []byte("bank.example"))))},
		{name: "subjectAltName of junk", ext: ext("2.5.29.17", false, null())},
		{name: "privateKeyUsagePeriod", ext: period(now().AddDate(-9, 0, 0), now().AddDate(9, 0, 0))},
		{name: "privateKeyUsagePeriod that ended", ext: period(now().AddDate(-9, 0, 0), now().AddDate(-8, 0, 0))},
		{name: "privateKeyUsagePeriod to come", ext: period(now().AddDate(1, 0, 0), now().AddDate(2, 0, 0))},
		{name: "privateKeyUsagePeriod backwards", ext: period(now().AddDate(1, 0, 0), now().AddDate(-9, 0, 0))},
		{name: "privateKeyUsagePeriod, critical", ext: ext("2.5.29.16", true, seq(tlv(0x81, []byte("20400101000000Z"))))},
		{name: "privateKeyUsagePeriod of junk", ext: ext("2.5.29.16", false, null())},
		{name: "cRLDistributionPoints of junk", ext: ext("2.5.29.31", false, null())},
		{name: "freshestCRL, critical", ext: ext("2.5.29.46", true, seq(seq()))},
		{name: "subjectInfoAccess of junk", ext: ext("1.3.6.1.5.5.7.1.11", false, null())},
		{name: "authorityInfoAccess of junk", ext: ext("1.3.6.1.5.5.7.1.1", false, null())},
		{name: "netscape type of encryption", ext: ext("2.16.840.1.113730.1.1", false, []byte{3, 2, 5, 0x20})},
		{name: "the same extension twice", tbs: func(f [][]byte) []byte {
			list := kids(kids(f[7])[0])
			f[7] = explicit(3, seq(append(list, list[0])...))
			return seq(f...)
		}},
		{name: "extensions of none", tbs: field(7, explicit(3, seq()))},
		{name: "no extensions", tbs: func(f [][]byte) []byte { return seq(f[:7]...) }},
		{name: "version 1 with extensions", tbs: func(f [][]byte) []byte { return seq(f[1:]...) }},
		{name: "version 1", tbs: func(f [][]byte) []byte { return seq(f[1:7]...) }},
		{name: "version 2", tbs: field(0, explicit(0, number(1)))},
		{name: "version 4", tbs: field(0, explicit(0, number(3)))},
		{name: "serial number zero", tbs: field(1, number(0))},
		{name: "serial number negative", tbs: field(1, []byte{2, 1, 0x80})},
		{name: "serial number padded", tbs: field(1, []byte{2, 2, 0, 1})},
		{name: "serial number of 21 octets", tbs: field(1, tlv(2, bytes.Repeat([]byte{0x11}, 21)))},
		{name: "serial number of no octets", tbs: field(1, []byte{2, 0})},
		{name: "issuer in other letters", tbs: field(3, name("ТЕСТОВЫЙ УЦ", ""))},
		{name: "issuer of nothing", tbs: field(3, seq())},
		{name: "subject of nothing", tbs: field(5, seq())},
		{name: "ended", tbs: field(4, seq(utc(now().AddDate(-3, 0, 0)), utc(now().Add(-time.Second))))},
		{name: "not begun", tbs: field(4, seq(utc(now().Add(time.Second)), utc(now().AddDate(3, 0, 0))))},
		{name: "validity backwards", tbs: field(4, seq(utc(now().AddDate(3, 0, 0)), utc(now().AddDate(-3, 0, 0))))},
		{name: "validity in long form", tbs: field(4, seq(at(now().AddDate(-3, 0, 0)), at(now().AddDate(3, 0, 0))))},
		{name: "validity without end", tbs: field(4, seq(utc(now().AddDate(-3, 0, 0)), tlv(0x18, []byte("99991231235959Z"))))},
		{name: "validity without seconds", tbs: field(4, seq(tlv(0x17, []byte("2011221200Z")), tlv(0x17, []byte("3011221200Z"))))},
		{name: "validity in a zone", tbs: field(4, seq(tlv(0x17, []byte("201122120000+0300")), tlv(0x17, []byte("301122120000+0300"))))},
		{name: "validity of junk", tbs: field(4, seq(null(), null()))},
		{name: "other algorithm inside", tbs: field(2, algo(w.crossed, nil))},
		{name: "algorithm inside with other parameters", tbs: field(2, algo(w.withOID, octets(nil)))},
		{name: "an element more", tbs: func(f [][]byte) []byte { return seq(append(f, null())...) }},
		{name: "unique identifiers", tbs: func(f [][]byte) []byte {
			return seq(append(f[:7:7], tlv(0x81, []byte{0, 1}), tlv(0x82, []byte{0, 1}), f[7])...)
		}},
		{name: "key with a tail", tbs: func(f [][]byte) []byte { f[6] = seq(append(kids(f[6]), null())...); return seq(f...) }},
		{name: "octets behind", tail: func(c []byte) []byte { return append(c, 0) }},
		{name: "an element behind the signature", tail: func(c []byte) []byte { return seq(append(kids(c), null())...) }},
		{name: "unused bits in the signature", tail: func(c []byte) []byte {
			k := kids(c)
			value := bytes.Clone(body(k[2]))
			value[0], value[len(value)-1] = 1, value[len(value)-1]&0xfe
			return seq(k[0], k[1], tlv(3, value))
		}},
		{name: "signature of another algorithm", tail: func(c []byte) []byte { k := kids(c); return seq(k[0], algo(w.crossed, nil), k[2]) }},
	}
}

// twisted makes the chain anew with one certificate changed.
func (w *world) twisted(role string, t twist) map[string][]byte {
	w.t.Helper()
	out := map[string][]byte{}
	certs := map[string]spec{
		"root": {as: "root", by: "root", issuer: "Тестовый УЦ", subject: "Тестовый УЦ", serial: 1, key: "root"},
		"sub":  {as: "sub", by: "root", issuer: "Тестовый УЦ", subject: "Подчинённый УЦ", serial: 2, key: "sub"},
		"leaf": {as: "leafsub", by: "sub", issuer: "Подчинённый УЦ", subject: "Банк", serial: 0x2001, key: "leaf"},
	}
	for name, s := range certs {
		exts := [][]byte{ext("2.5.29.19", true, seq([]byte{1, 1, 0xff})), usage(1, 0x06)}
		if name == "leaf" {
			exts = [][]byte{ext("2.5.29.19", false, seq()), usage(6, 0xc0)}
		}
		w.issue(spec{as: "twisted", by: s.by, issuer: s.issuer, subject: s.subject, serial: s.serial, key: s.key, exts: exts, from: now().AddDate(-5, 0, 0), until: now().AddDate(9, 0, 0)})
		f := tbs(w.certs["twisted"])
		if name == role {
			list := kids(kids(f[7])[0])
			for _, id := range []string{t.drop, extID(t.ext)} {
				list = slices.DeleteFunc(list, func(e []byte) bool { return id != "" && bytes.Equal(kids(e)[0], oid(id)) })
			}
			if t.ext != nil {
				list = append(list, t.ext)
			}
			f[7] = explicit(3, seq(list...))
			if len(list) == 0 {
				f = f[:7]
			}
		}
		signed := seq(f...)
		if name == role && t.tbs != nil {
			signed = t.tbs(f)
		}
		cert := seq(signed, w.certAlgo(), bits(w.sign(s.by, w.digest, signed)))
		if name == role && t.tail != nil {
			cert = t.tail(cert)
		}
		out[name] = cert
	}
	return out
}

// extID is the identifier of an extension in dots, as far as the tests use them.
func extID(e []byte) string {
	if e == nil {
		return ""
	}
	for _, id := range []string{"2.5.29.14", "2.5.29.15", "2.5.29.16", "2.5.29.19", "2.5.29.35", "2.5.29.37"} {
		if bytes.Equal(kids(e)[0], oid(id)) {
			return id
		}
	}
	return ""
}

// harmless twists must be accepted in any certificate of a chain: real authorities write them, or nobody minds.
func harmless() []string {
	return []string{
		"nothing", "unknown extension", "no keyUsage", "keyUsage not critical", "keyUsage of everything",
		"extKeyUsage of servers", "certificatePolicies, critical", "subjectAltName, critical", "no subjectKeyIdentifier",
		"privateKeyUsagePeriod", "validity in long form", "validity without end", "serial number of 21 octets",
	}
}

// TestTwistedChains changes one thing in one certificate of a chain. What is accepted here openssl must accept as well.
// CMS_TWISTS=2 does it under every algorithm.
func TestTwistedChains(t *testing.T) {
	for _, s := range suites() {
		if s.alg != pki.ECDSAP256 && setting(t, "CMS_TWISTS", 1) == 1 {
			continue // the rules are the same for all; the others only cost time
		}
		t.Run(string(s.alg), func(t *testing.T) {
			w, b := newWorld(t, s), newBench(t)
			b.write("doc.xml", w.doc)
			agreed := 0
			for _, role := range []string{"leaf", "sub", "root"} {
				for _, tw := range twists(w, role) {
					t.Run(role+"/"+tw.name, func(t *testing.T) {
						chain := w.twisted(role, tw)
						v, sig := w.judge(chain)
						if slices.Contains(harmless(), tw.name) && !v.Valid() {
							t.Errorf("refused: %s: %s", v.Code, v.Detail)
						}
						if !v.Valid() {
							return
						}
						agreed++
						if out, err := w.ask(b, chain, sig); err != nil {
							t.Fatalf("accepted here and refused by openssl: %s", out)
						}
					})
				}
			}
			if agreed < 60 {
				t.Errorf("%d chains were accepted here, too few to mean anything", agreed)
			}
		})
	}
}

// judge pins the leaf of a chain and verifies a signature under it.
func (w *world) judge(chain map[string][]byte) (cms.Verdict, []byte) {
	w.t.Helper()
	sig := w.letter(letter{certs: [][]byte{chain["leaf"]}}, w.si(signer{raw: chain["leaf"], key: "leaf"}))
	p := &cms.Policy{CRLs: new(cms.Revocations)}
	for _, name := range []string{"leaf", "sub", "root"} {
		c, err := pki.ParseCertificate(chain[name])
		if err != nil {
			return cms.Verdict{Status: cms.Invalid, Code: "unread: " + err.Error()}, sig
		}
		switch name {
		case "leaf":
			p.Signers = []cms.Pin{{Certificate: c}}
		case "sub":
			p.Intermediates = []*pki.Certificate{c}
		default:
			p.Roots = []*pki.Certificate{c}
		}
	}
	for _, raw := range w.sheets() {
		if err := p.CRLs.Add(raw); err != nil {
			w.t.Fatal(err)
		}
	}
	return p.Verify(w.doc, sig, now()), sig
}

func (w *world) sheets() [][]byte {
	return [][]byte{w.crl(sheet{by: "root", number: 3}), w.crl(sheet{by: "sub", issuer: "Подчинённый УЦ", number: 3})}
}

// ask puts the same question to openssl, with the lists and our clock.
func (w *world) ask(b *bench, chain map[string][]byte, sig []byte) (string, error) {
	block := func(kind string, raw []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}) }
	store := slices.Concat(block("CERTIFICATE", chain["root"]), block("CERTIFICATE", chain["sub"]))
	for _, raw := range w.sheets() {
		store = append(store, block("X509 CRL", raw)...)
	}
	b.write("store.pem", store)
	b.write("leaf.pem", block("CERTIFICATE", chain["leaf"]))
	b.write("sig.p7s", sig)
	return b.try("cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", "sig.p7s", "-content", "doc.xml", "-certfile", "leaf.pem",
		"-CAfile", "store.pem", "-crl_check_all", "-purpose", "any", "-attime", fmt.Sprint(now().Unix()), "-out", "out.bin")
}

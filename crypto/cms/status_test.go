package cms_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

// TestRevocation gives a strict profile one or more lists or OCSP answers and asks about the leaf.
func TestRevocation(t *testing.T) {
	for _, s := range suites() {
		t.Run(string(s.alg), func(t *testing.T) {
			w := newWorld(t, s)
			sig := w.one(signer{})
			listed := map[int64]time.Time{0x1001: now().Add(-time.Hour)}
			later := map[int64]time.Time{0x1001: now().Add(time.Hour)}
			idp := ext("2.5.29.28", true, seq(tlv(0x85, []byte{0xff})))
			stale := sheet{by: "root", from: now().AddDate(0, -2, 0), next: now().Add(-time.Second), number: 5}
			staleListed := stale
			staleListed.revoked = listed
			cases := []struct {
				name  string
				lists []sheet
				want  string
			}{
				{"no list", nil, "no-crl"},
				{"good list", []sheet{{by: "root", number: 5}}, ""},
				{"good list without a number", []sheet{{by: "root"}}, ""},
				{"listed", []sheet{{by: "root", number: 5, revoked: listed}}, "revoked"},
				{"listed from an hour ahead", []sheet{{by: "root", number: 5, revoked: later}}, "revoked"},
				{"listed after the moment, by a list of after it", []sheet{{by: "root", number: 5, from: now().Add(time.Minute), next: now().Add(time.Hour), revoked: later}}, ""},
				{"from the future", []sheet{{by: "root", number: 5, from: now().Add(time.Hour), next: now().Add(2 * time.Hour)}}, "crl-stale"},
				{"names another key of its issuer", []sheet{{by: "root", number: 5, exts: [][]byte{ext("2.5.29.35", false, seq(tlv(0x80, make([]byte, 20))))}}}, "crl-signature"},
				{"names the key of its issuer", []sheet{{by: "root", number: 5, exts: [][]byte{ext("2.5.29.35", false, seq(tlv(0x80, w.cert("root").X509.SubjectKeyId)))}}}, ""},
				{"list of another authority", []sheet{{by: "sub", issuer: "Подчинённый УЦ"}}, "no-crl"},
				{"list by a namesake", []sheet{{by: "rogue"}}, "crl-signature"},
				{"list by a namesake that lists it", []sheet{{by: "rogue", revoked: listed}}, "crl-signature"},
				{"list by a namesake beside the good one", []sheet{{by: "rogue", revoked: listed, number: 99}, {by: "root", number: 5}}, ""},
				{"stale", []sheet{stale}, "crl-stale"},
				{"stale and listed", []sheet{staleListed}, "revoked"},
				{"stale beside a good one", []sheet{stale, {by: "root", number: 6}}, ""},
				{"no next update", []sheet{{by: "root", from: now().AddDate(0, -1, 0)}}, "crl-stale"},
				{"older than one seen", []sheet{{by: "root", number: 6}, {by: "root", number: 5}}, ""},
				{"listed only by the older", []sheet{{by: "root", number: 6}, {by: "root", number: 5, revoked: listed}}, "revoked"},
				{"only a part", []sheet{{by: "root", exts: [][]byte{idp}}}, "crl-critical"},
				{"only a part, not critical", []sheet{{by: "root", exts: [][]byte{ext("2.5.29.28", false, seq())}}}, "crl-critical"},
				{"delta", []sheet{{by: "root", exts: [][]byte{ext("2.5.29.27", true, number(1))}}}, "crl-critical"},
				{"unknown critical extension", []sheet{{by: "root", exts: [][]byte{ext("1.2.3.4", true, null())}}}, "crl-critical"},
				{"unknown extension", []sheet{{by: "root", exts: [][]byte{ext("1.2.3.4", false, null())}}}, ""},
				{"unknown critical extension of an entry", []sheet{{by: "root", revoked: map[int64]time.Time{7: now()}, entryExts: [][]byte{ext("2.5.29.29", true, seq())}}}, "crl-critical"},
				{"a part that lists it beside the whole", []sheet{{by: "root", exts: [][]byte{idp}, revoked: listed}, {by: "root"}}, ""},
			}
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) {
					p := w.policy("leaf")
					p.CRLs = new(cms.Revocations)
					for _, l := range c.lists {
						if err := p.CRLs.Add(w.crl(l)); err != nil {
							t.Fatal(err)
						}
					}
					check(t, p.Verify(w.doc, sig, now()), c.want)
					if v := p.Check(w.cert("leaf"), now()); v.Code != c.want {
						t.Fatalf("Check says %q, want %q", v.Code, c.want)
					}
				})
			}
		})
	}
}

func check(t *testing.T, v cms.Verdict, want string) {
	t.Helper()
	if v.Code != want {
		t.Fatalf("got %q (%s), want %q", v.Code, v.Detail, want)
	}
	held := want == "no-crl" || strings.HasPrefix(want, "crl-") || strings.HasPrefix(want, "ocsp-")
	if held != (v.Status == cms.Unchecked) || (want == "revoked") != (v.Status == cms.Revoked) {
		t.Fatalf("status %q for code %q", v.Status, want)
	}
}

// TestListOfAfterTheReceipt: a reply that was held for a stale list is judged, as of its receipt, by one that was made
// later; with our clock that is no list of the future.
func TestListOfAfterTheReceipt(t *testing.T) {
	w := newWorld(t, suites()[3])
	sig := w.one(signer{})
	next := now().Add(48 * time.Hour)
	later := map[int64]time.Time{0x1001: now().Add(time.Hour)}
	before := map[int64]time.Time{0x1001: now().Add(-time.Hour)}
	for _, c := range []struct {
		name string
		list sheet
		here time.Time // our clock
		want string
	}{
		{"made later", sheet{by: "root", from: now().Add(24 * time.Hour), next: next}, now().Add(25 * time.Hour), ""},
		{"made later, revoked after the receipt", sheet{by: "root", from: now().Add(24 * time.Hour), next: next, revoked: later}, now().Add(25 * time.Hour), ""},
		{"made later, revoked before the receipt", sheet{by: "root", from: now().Add(24 * time.Hour), next: next, revoked: before}, now().Add(25 * time.Hour), "revoked"},
		{"not made yet", sheet{by: "root", from: now().Add(24 * time.Hour), next: next}, now().Add(23 * time.Hour), "crl-stale"},
		{"clock behind", sheet{by: "root", from: now(), next: next}, now().Add(-24 * time.Hour), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := w.policy("leaf")
			p.CRLs = &cms.Revocations{Now: func() time.Time { return c.here }}
			if err := p.CRLs.Add(w.crl(c.list)); err != nil {
				t.Fatal(err)
			}
			check(t, p.Verify(w.doc, sig, now()), c.want)
		})
	}
}

func TestCRLRollback(t *testing.T) {
	w := newWorld(t, suites()[3])
	sig := w.one(signer{})
	number := func(n int64) []byte { return w.crl(sheet{by: "root", number: n}) }
	judge := func(floors map[string]string, raw []byte) (cms.Verdict, map[string]string) {
		p := w.policy("leaf")
		p.CRLs = new(cms.Revocations)
		if err := p.CRLs.SetFloors(floors); err != nil {
			t.Fatal(err)
		}
		if err := p.CRLs.Add(raw); err != nil {
			t.Fatal(err)
		}
		return p.Verify(w.doc, sig, now()), p.CRLs.Floors()
	}
	v, floors := judge(nil, number(7))
	check(t, v, "")
	v, floors = judge(floors, number(6))
	check(t, v, "crl-rollback")
	v, floors = judge(floors, w.crl(sheet{by: "root"}))
	check(t, v, "crl-rollback")
	v, floors = judge(floors, w.crl(sheet{by: "rogue", number: 1 << 40}))
	check(t, v, "crl-signature")
	v, floors = judge(floors, number(7))
	check(t, v, "")
	v, _ = judge(floors, number(8))
	check(t, v, "")
	if err := new(cms.Revocations).SetFloors(map[string]string{"x": "seven"}); err == nil {
		t.Fatal("a floor that is no number is taken")
	}
}

func TestRevocationsReadWhatTheyShould(t *testing.T) {
	w := newWorld(t, suites()[3])
	raw := w.crl(sheet{by: "root", number: 7})
	text := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: raw})
	for name, c := range map[string]struct {
		data []byte
		ok   bool
	}{
		"DER":                  {raw, true},
		"PEM":                  {text, true},
		"two in PEM":           {append(text, text...), true},
		"empty":                {nil, false},
		"a certificate":        {w.certs["leaf"], false},
		"a certificate in PEM": {pki.MarshalCertificate(w.cert("leaf")), false},
		"cut short":            {raw[:len(raw)-3], false},
		"octet behind":         {append(raw[:len(raw):len(raw)], 0), false},
		"text":                 {[]byte("no list"), false},
		"OCSP error":           {seq([]byte{0x0a, 1, 6}), false},
		"OCSP junk":            {seq([]byte{0x0a, 1, 0}, explicit(0, seq())), false},
	} {
		if err := new(cms.Revocations).Add(c.data); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// reply is an OCSP answer to be made.
type reply struct {
	by         string // the key that signs
	embed      string // the responder's certificate inside
	serial     int64
	status     []byte
	from, next time.Time
	names      []byte // certID, when it is to be another
	critical   bool
	hash       string
}

func (w *world) ocsp(r reply) []byte {
	if r.from.IsZero() {
		r.from, r.next = now().Add(-time.Hour), now().Add(time.Hour)
	}
	if r.status == nil {
		r.status = tlv(0x80)
	}
	issuer := w.certs["root"]
	issuerName, key := tbs(issuer)[5], body(kids(tbs(issuer)[6])[1])[1:]
	id := r.names
	switch {
	case id != nil:
	case r.hash != "":
		h := map[string]pki.Digest{"2.16.840.1.101.3.4.2.1": pki.SHA256, "1.2.643.7.1.1.2.2": pki.Streebog256}[r.hash]
		id = seq(algo(r.hash, nil), octets(h.Sum(issuerName)), octets(h.Sum(key)), number(r.serial))
	default:
		n, k := sha1.Sum(issuerName), sha1.Sum(key)
		id = seq(algo("1.3.14.3.2.26", null()), octets(n[:]), octets(k[:]), number(r.serial))
	}
	long := func(t time.Time) []byte { return tlv(0x18, []byte(t.UTC().Format("20060102150405Z"))) }
	var next, exts, certs []byte
	if !r.next.IsZero() {
		next = explicit(0, long(r.next))
	}
	if r.critical {
		exts = explicit(1, seq(ext("1.2.3.4", true, null())))
	}
	if r.embed != "" {
		certs = explicit(0, seq(w.certs[r.embed]))
	}
	data := seq(explicit(2, octets([]byte("responder"))), long(r.from), seq(seq(id, r.status, long(r.from), next)), exts)
	basic := seq(data, w.certAlgo(), bits(w.sign(r.by, w.digest, data)), certs)
	return seq([]byte{0x0a, 1, 0}, explicit(0, seq(oid("1.3.6.1.5.5.7.48.1.1"), octets(basic))))
}

func TestOCSP(t *testing.T) {
	for _, s := range suites() {
		t.Run(string(s.alg), func(t *testing.T) {
			w := newWorld(t, s)
			purpose := ext("2.5.29.37", false, seq(oid("1.3.6.1.5.5.7.3.9")))
			responder := func(as, by string, exts [][]byte, until time.Time) {
				w.issue(spec{as: as, by: by, issuer: "Тестовый УЦ", subject: "OCSP", serial: 0x1100, key: "other", exts: append(exts, usage(7, 0x80)), from: now().AddDate(-1, 0, 0), until: until})
			}
			responder("responder", "root", [][]byte{purpose}, now().AddDate(1, 0, 0))
			responder("undelegated", "root", nil, now().AddDate(1, 0, 0))
			responder("lapsed", "root", [][]byte{purpose}, now().Add(-time.Minute))
			responder("foreign", "rogue", [][]byte{purpose}, now().AddDate(1, 0, 0))
			long := func(t time.Time) []byte { return tlv(0x18, []byte(t.UTC().Format("20060102150405Z"))) }
			gone := explicit(1, long(now().Add(-time.Hour)))
			soon := explicit(1, long(now().Add(time.Hour)))
			n := sha1.Sum([]byte("another issuer"))
			cases := []struct {
				name string
				r    reply
				want string
			}{
				{"good by the authority", reply{by: "root", serial: 0x1001}, ""},
				{"good by its responder", reply{by: "other", embed: "responder", serial: 0x1001}, ""},
				{"good, named by SHA-256", reply{by: "root", serial: 0x1001, hash: "2.16.840.1.101.3.4.2.1"}, ""},
				{"good, named by Streebog", reply{by: "root", serial: 0x1001, hash: "1.2.643.7.1.1.2.2"}, ""},
				{"revoked", reply{by: "root", serial: 0x1001, status: gone}, "revoked"},
				{"revoked from an hour ahead", reply{by: "root", serial: 0x1001, status: soon}, "revoked"},
				{"unknown", reply{by: "root", serial: 0x1001, status: tlv(0x82)}, "ocsp-unknown"},
				{"about another certificate", reply{by: "root", serial: 0x1003}, "ocsp-other-cert"},
				{"about the same number of another authority", reply{by: "root", names: seq(algo("1.3.14.3.2.26", nil), octets(n[:]), octets(n[:]), number(0x1001))}, "ocsp-other-cert"},
				{"stale", reply{by: "root", serial: 0x1001, from: now().AddDate(0, 0, -2), next: now().Add(-time.Second)}, "ocsp-stale"},
				{"without an end", reply{by: "root", serial: 0x1001, from: now().Add(-time.Hour)}, "ocsp-stale"},
				{"from the future", reply{by: "root", serial: 0x1001, from: now().Add(time.Hour), next: now().Add(2 * time.Hour)}, "ocsp-stale"},
				{"by a namesake", reply{by: "rogue", serial: 0x1001}, "ocsp-signature"},
				{"by somebody with a certificate of the authority", reply{by: "other", embed: "undelegated", serial: 0x1001}, "ocsp-signature"},
				{"by a responder whose certificate ended", reply{by: "other", embed: "lapsed", serial: 0x1001}, "ocsp-signature"},
				{"by a responder of a namesake", reply{by: "other", embed: "foreign", serial: 0x1001}, "ocsp-signature"},
				{"by a responder that is not inside", reply{by: "other", serial: 0x1001}, "ocsp-signature"},
				{"with a critical extension", reply{by: "root", serial: 0x1001, critical: true}, "ocsp-signature"},
			}
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) {
					p := w.policy("leaf")
					p.CRLs = new(cms.Revocations)
					if err := p.CRLs.Add(w.ocsp(c.r)); err != nil {
						t.Fatal(err)
					}
					sig := w.one(signer{})
					for range 2 { // the second time from what was remembered
						check(t, p.Verify(w.doc, sig, now()), c.want)
					}
				})
			}
		})
	}
}

// TestListAndAnswerTogether: what either proves to be revoked is revoked; one good word is enough otherwise.
func TestListAndAnswerTogether(t *testing.T) {
	w := newWorld(t, suites()[3])
	gone := explicit(1, tlv(0x18, []byte(now().Add(-time.Hour).UTC().Format("20060102150405Z"))))
	listed := sheet{by: "root", number: 5, revoked: map[int64]time.Time{0x1001: now().Add(-time.Hour)}}
	stale := sheet{by: "root", from: now().AddDate(0, -2, 0), next: now().Add(-time.Second)}
	for _, c := range []struct {
		name string
		list sheet
		r    reply
		want string
	}{
		{"good list, answer says revoked", sheet{by: "root"}, reply{by: "root", serial: 0x1001, status: gone}, "revoked"},
		{"listed, answer says good", listed, reply{by: "root", serial: 0x1001}, "revoked"},
		{"stale list, answer says good", stale, reply{by: "root", serial: 0x1001}, ""},
		{"stale list, answer about another", stale, reply{by: "root", serial: 0x1003}, "crl-stale"},
		{"good list, answer about another", sheet{by: "root"}, reply{by: "root", serial: 0x1003}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := w.policy("leaf")
			p.CRLs = new(cms.Revocations)
			for _, raw := range [][]byte{w.crl(c.list), w.ocsp(c.r)} {
				if err := p.CRLs.Add(raw); err != nil {
					t.Fatal(err)
				}
			}
			check(t, p.Verify(w.doc, w.one(signer{}), now()), c.want)
		})
	}
}

// TestRevocationsStayBounded: a daemon that adds a fresh list every hour keeps only the newest.
func TestRevocationsStayBounded(t *testing.T) {
	w := newWorld(t, suites()[3])
	p := w.policy("leaf")
	p.CRLs = new(cms.Revocations)
	for i := range 40 {
		s := sheet{by: "root", number: int64(i + 1), from: now().Add(time.Duration(i-40) * time.Hour), next: now().Add(time.Duration(i-30) * time.Hour)}
		if i == 39 {
			s.revoked = map[int64]time.Time{0x1001: now().Add(-time.Minute)}
		}
		if err := p.CRLs.Add(w.crl(s)); err != nil {
			t.Fatal(err)
		}
	}
	check(t, p.Verify(w.doc, w.one(signer{}), now()), "revoked")
}

// TestRolloverRehearsal: the next certificate is tried for a day that has not come.
func TestRolloverRehearsal(t *testing.T) {
	w := newWorld(t, suites()[3])
	p := w.policy("leaf")
	p.RevocationOptional = true // no list of today speaks about that day
	change := now().AddDate(0, 1, 0)
	p.Signers[0].Until = change
	p.Signers = append(p.Signers, cms.Pin{Certificate: w.cert("renewed"), From: change}, cms.Pin{Certificate: w.cert("pkup"), From: change})
	for _, c := range []struct {
		cert string
		at   time.Time
		want string
	}{
		{"leaf", now(), ""},
		{"leaf", change.AddDate(0, 0, 1), "pin-period"},
		{"renewed", now(), "pin-period"},
		{"renewed", change.AddDate(0, 0, 1), ""},
		{"renewed", change.AddDate(30, 0, 0), "validity"},
		{"pkup", change.AddDate(0, 0, 1), "key-period"},
		{"other", now(), "not-pinned"},
	} {
		v := p.Check(w.cert(c.cert), c.at)
		if v.Code != c.want {
			t.Errorf("%s at %s: got %q (%s), want %q", c.cert, c.at.Format(time.DateOnly), v.Code, v.Detail, c.want)
		}
		if c.want == "" && (len(v.Chain) != 2 || v.Chain[0] != w.cert(c.cert)) {
			t.Errorf("%s: chain %v", c.cert, v.Chain)
		}
	}
}

// TestSeedsOfTheInnerRoom writes what the fuzz targets of the room trust begin with, when CMS_SEEDS names its folder, as in
// "CMS_SEEDS=$PWD/trust/testdata go test -run TestSeedsOfTheInnerRoom".
func TestSeedsOfTheInnerRoom(t *testing.T) {
	dir := os.Getenv("CMS_SEEDS")
	var b bytes.Buffer
	for _, i := range []int{0, 3} {
		w := newWorld(t, suites()[i])
		row := func(kind, name string, data []byte) {
			fmt.Fprintf(&b, "%s\t%s\t%s\t%s\n", w.alg, kind, name, base64.StdEncoding.EncodeToString(data))
		}
		row("crt", "root", w.certs["root"])
		row("crt", "leaf", w.certs["leaf"])
		others := map[int64]time.Time{7: now().AddDate(0, -1, 0), 8: now().AddDate(0, -2, 0)}
		row("seed", "list", w.crl(sheet{by: "root", number: 5, revoked: others}))
		row("seed", "list without number", w.crl(sheet{by: "root"}))
		row("seed", "list that revokes", w.crl(sheet{by: "root", number: 6, revoked: map[int64]time.Time{0x1001: now().AddDate(0, -1, 0)}}))
		row("seed", "delta", w.crl(sheet{by: "root", number: 6, exts: [][]byte{ext("2.5.29.27", true, number(1))}}))
		row("seed", "list by a namesake", w.crl(sheet{by: "rogue", number: 9}))
		row("seed", "answer", w.ocsp(reply{by: "root", serial: 0x1001}))
		row("seed", "answer that revokes", w.ocsp(reply{by: "root", serial: 0x1001, status: explicit(1, tlv(0x18, []byte("20260101000000Z")))}))
		row("seed", "answer with a critical extension", w.ocsp(reply{by: "root", serial: 0x1001, critical: true}))
		row("seed", "answer about another", w.ocsp(reply{by: "root", serial: 0x1002}))
	}
	if b.Len() == 0 {
		t.Fatal("no seeds")
	}
	if dir != "" {
		keep(t, dir, "seeds.tsv", b.Bytes())
	}
}

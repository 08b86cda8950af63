package cms_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

// A DER assembler: messages and certificates are put together octet by octet, so that every rule can be broken alone.

func tlv(tag byte, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	out := []byte{tag}
	switch n := len(body); {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	case n < 0x10000:
		out = append(out, 0x82, byte(n>>8), byte(n))
	default:
		out = append(out, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(out, body...)
}

func seq(parts ...[]byte) []byte           { return tlv(0x30, parts...) }
func set(parts ...[]byte) []byte           { return tlv(0x31, parts...) }
func octets(b []byte) []byte               { return tlv(0x04, b) }
func null() []byte                         { return []byte{5, 0} }
func explicit(n int, p ...[]byte) []byte   { return tlv(0xa0|byte(n), p...) }
func bits(b []byte) []byte                 { return tlv(0x03, []byte{0}, b) }
func number(n int64) []byte                { return bigNumber(big.NewInt(n)) }
func algo(id string, params []byte) []byte { return seq(oid(id), params) }
func attr(id string, v ...[]byte) []byte   { return seq(oid(id), sorted(v...)) }

func sorted(parts ...[]byte) []byte {
	parts = slices.Clone(parts)
	slices.SortFunc(parts, bytes.Compare)
	return set(parts...)
}

func bigNumber(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	return tlv(0x02, b)
}

func oid(dotted string) []byte {
	var arcs []int
	for a := range strings.SplitSeq(dotted, ".") {
		n, err := strconv.Atoi(a)
		if err != nil {
			panic(err)
		}
		arcs = append(arcs, n)
	}
	var out []byte
	for _, v := range append([]int{40*arcs[0] + arcs[1]}, arcs[2:]...) {
		part := []byte{byte(v & 0x7f)}
		for v >>= 7; v > 0; v >>= 7 {
			part = append([]byte{0x80 | byte(v&0x7f)}, part...)
		}
		out = append(out, part...)
	}
	return tlv(0x06, out)
}

func utc(t time.Time) []byte {
	if t.Year() >= 2050 {
		return tlv(0x18, []byte(t.UTC().Format("20060102150405Z")))
	}
	return tlv(0x17, []byte(t.UTC().Format("060102150405Z")))
}

// head gives the size of the header and of the body of the first element.
func head(d []byte) (header, body int) {
	n := int(d[1])
	if n < 0x80 {
		return 2, n
	}
	k := n & 0x7f
	n = 0
	for _, b := range d[2 : 2+k] {
		n = n<<8 | int(b)
	}
	return 2 + k, n
}

// body is the content of the first element, kids the elements in it.
func body(d []byte) []byte {
	h, n := head(d)
	return d[h : h+n]
}

func kids(d []byte) [][]byte {
	var all [][]byte
	for rest := body(d); len(rest) > 0; {
		h, n := head(rest)
		all = append(all, rest[:h+n])
		rest = rest[h+n:]
	}
	return all
}

// suite is what the forger knows of an algorithm.
type suite struct {
	alg               pki.Algorithm
	digest            pki.Digest
	digestOID         string
	keyOID, withOID   string // in SignerInfo; with digest
	half              int    // octets of r and of s, 0 for RSA
	order             string // of the group, hex
	otherHash         pki.Digest
	otherOID, crossed string // digest and signature that belong to another algorithm
}

func suites() []suite {
	return []suite{
		{
			pki.GOST256, pki.Streebog256, "1.2.643.7.1.1.2.2", "1.2.643.7.1.1.1.1", "1.2.643.7.1.1.3.2", 32,
			"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF6C611070995AD10045841B09B761B893", pki.Streebog512, "1.2.643.7.1.1.2.3", "1.2.643.7.1.1.3.3",
		},
		{
			pki.GOST512, pki.Streebog512, "1.2.643.7.1.1.2.3", "1.2.643.7.1.1.1.2", "1.2.643.7.1.1.3.3", 64,
			"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF27E69532F48D89116FF22B8D4E0560609B4B38ABFAD2B85DCACDB1411F10B275",
			pki.Streebog256, "1.2.643.7.1.1.2.2", "1.2.643.7.1.1.3.2",
		},
		{
			pki.RSA, pki.SHA256, "2.16.840.1.101.3.4.2.1", "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.11", 0, "",
			pki.Streebog256, "1.2.643.7.1.1.2.2", "1.2.840.10045.4.3.2",
		},
		{
			pki.ECDSAP256, pki.SHA256, "2.16.840.1.101.3.4.2.1", "1.2.840.10045.4.3.2", "1.2.840.10045.4.3.2", 32,
			"FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", pki.Streebog256, "1.2.643.7.1.1.2.2", "1.2.840.113549.1.1.11",
		},
		{
			pki.ECDSAP384, pki.SHA384, "2.16.840.1.101.3.4.2.2", "1.2.840.10045.4.3.3", "1.2.840.10045.4.3.3", 48,
			"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973",
			pki.Streebog256, "1.2.643.7.1.1.2.2", "1.2.840.113549.1.1.12",
		},
	}
}

// world is a set of authorities, signers and lists under one algorithm.
type world struct {
	suite
	t     *testing.T
	doc   []byte
	keys  map[string]pki.PrivateKey
	certs map[string][]byte
	read  map[string]*pki.Certificate
	known *cms.Revocations
}

func newWorld(t *testing.T, s suite) *world {
	t.Helper()
	w := &world{suite: s, t: t, doc: []byte("<Doc Num=\"17\">Платёж</Doc>\r\n"), keys: map[string]pki.PrivateKey{}, certs: map[string][]byte{}, read: map[string]*pki.Certificate{}}
	for _, name := range []string{"root", "rogue", "sub", "leaf", "other", "rogueleaf"} {
		w.keys[name] = testKey(t, s.alg)
	}
	years := func(n int) time.Time { return now().AddDate(n, 0, 0) }
	ca := func(path ...int64) [][]byte {
		basic := [][]byte{{1, 1, 0xff}}
		for _, n := range path {
			basic = append(basic, number(n))
		}
		return [][]byte{ext("2.5.29.19", true, seq(basic...)), usage(1, 0x06)}
	}
	leaf := [][]byte{ext("2.5.29.19", false, seq()), usage(6, 0xc0)}
	const authority = "Тестовый УЦ"
	w.issue(spec{as: "root", by: "root", issuer: authority, subject: authority, serial: 1, key: "root", exts: ca(), from: years(-6), until: years(19)})
	w.issue(spec{as: "rogue", by: "rogue", issuer: authority, subject: authority, serial: 1, key: "rogue", exts: ca(), from: years(-6), until: years(19)})
	w.issue(spec{as: "sub", by: "root", issuer: authority, subject: "Подчинённый УЦ", serial: 2, key: "sub", exts: ca(0), from: years(-6), until: years(19)})
	w.issue(spec{as: "leaf", by: "root", issuer: authority, subject: "Банк", serial: 0x1001, key: "leaf", exts: leaf})
	w.issue(spec{as: "rogueleaf", by: "rogue", issuer: authority, subject: "Банк", serial: 0x1001, key: "rogueleaf", exts: leaf})
	w.issue(spec{as: "other", by: "root", issuer: authority, subject: "Ромашка", serial: 0x1002, key: "other", exts: leaf})
	w.issue(spec{as: "revoked", by: "root", issuer: authority, subject: "Банк", serial: 0x1003, key: "leaf", exts: leaf})
	w.issue(spec{as: "expired", by: "root", issuer: authority, subject: "Банк", serial: 0x1004, key: "leaf", exts: leaf, from: years(-5), until: years(-4)})
	w.issue(spec{as: "future", by: "root", issuer: authority, subject: "Банк", serial: 0x1005, key: "leaf", exts: leaf, from: years(10), until: years(11)})
	w.issue(spec{as: "nosig", by: "root", issuer: authority, subject: "Банк", serial: 0x1006, key: "leaf", exts: [][]byte{usage(5, 0x20)}})
	w.issue(spec{as: "critext", by: "root", issuer: authority, subject: "Банк", serial: 0x1007, key: "leaf", exts: append(leaf, ext("1.2.643.100.999", true, octets(nil)))})
	w.issue(spec{as: "pkup", by: "root", issuer: authority, subject: "Банк", serial: 0x1008, key: "leaf", exts: append(leaf, period(years(-2), years(-1)))})
	w.issue(spec{as: "pkupsoon", by: "root", issuer: authority, subject: "Банк", serial: 0x1009, key: "leaf", exts: append(leaf, period(years(1), years(2)))})
	w.issue(spec{as: "leafsub", by: "sub", issuer: "Подчинённый УЦ", subject: "Банк", serial: 0x2001, key: "leaf", exts: leaf})
	w.issue(spec{as: "underleaf", by: "other", issuer: "Ромашка", subject: "Банк", serial: 0x3001, key: "leaf", exts: leaf})
	w.issue(spec{as: "subsub", by: "sub", issuer: "Подчинённый УЦ", subject: "Третий УЦ", serial: 0x2002, key: "rogue", exts: ca(), from: years(-6), until: years(19)})
	w.issue(spec{as: "toolong", by: "rogue", issuer: "Третий УЦ", subject: "Банк", serial: 0x4001, key: "leaf", exts: leaf})
	w.issue(spec{as: "wrongsig", by: "rogue", issuer: authority, subject: "Банк", serial: 0x100a, key: "leaf", exts: leaf})
	w.issue(spec{as: "renewed", by: "root", issuer: authority, subject: "Банк", serial: 0x100b, key: "leaf", exts: leaf})
	w.issue(spec{as: "oldca", by: "root", issuer: authority, subject: "Старый УЦ", serial: 3, key: "sub", exts: append(ca(), period(years(-9), years(-8))), from: years(-9), until: years(19)})
	w.issue(spec{as: "underold", by: "sub", issuer: "Старый УЦ", subject: "Банк", serial: 0x5001, key: "leaf", exts: leaf})
	w.issue(spec{as: "nullname", by: "root", issuer: authority, subject: "Чужой", inn: "7800000002", serial: 0x100c, key: "leaf", exts: leaf})
	return w
}

// testKey makes a key; RSA with 2048 bits, because the tests make many.
func testKey(t *testing.T, a pki.Algorithm) pki.PrivateKey {
	t.Helper()
	if a != pki.RSA {
		k, err := pki.GenerateKey(a, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	raw, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return stdKey(t, raw)
}

func stdKey(t *testing.T, raw any) pki.PrivateKey {
	t.Helper()
	p8, err := x509.MarshalPKCS8PrivateKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	k, err := pki.ReadPrivateKey(p8, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// spec is a certificate to be made: named as, signed by the key by, for the key key.
type spec struct {
	as, by, key     string
	issuer, subject string
	inn             string
	serial          int64
	from, until     time.Time
	exts            [][]byte
	spki            []byte // instead of the key's
	algo            []byte // instead of the right signature algorithm
	inner           []byte // the one inside, when it is to differ
}

func name(common, inn string) []byte {
	rdn := func(id string, v []byte) []byte { return set(seq(oid(id), v)) }
	if inn == "" {
		inn = "7700000001"
	}
	return seq(rdn("2.5.4.6", tlv(0x13, []byte("RU"))), rdn("2.5.4.3", tlv(0x0c, []byte(common))),
		rdn("1.2.643.100.4", tlv(0x12, []byte(inn))), rdn("1.2.643.100.1", tlv(0x12, []byte("1027700000001"))))
}

func ext(id string, critical bool, value []byte) []byte {
	var flag []byte
	if critical {
		flag = []byte{1, 1, 0xff}
	}
	return seq(oid(id), flag, octets(value))
}

func usage(unused, v byte) []byte { return ext("2.5.29.15", true, []byte{3, 2, unused, v}) }

func period(from, until time.Time) []byte {
	stamp := func(t time.Time) []byte { return []byte(t.UTC().Format("20060102150405Z")) }
	return ext("2.5.29.16", false, seq(tlv(0x80, stamp(from)), tlv(0x81, stamp(until))))
}

func (w *world) issue(s spec) {
	if s.from.IsZero() {
		s.from, s.until = now().AddDate(-2, 0, 0), now().AddDate(8, 0, 0)
	}
	if s.spki == nil {
		s.spki = w.keys[s.key].Public().SPKI()
	}
	if s.algo == nil {
		s.algo = w.certAlgo()
	}
	if s.inner == nil {
		s.inner = s.algo
	}
	id := ext("2.5.29.14", false, octets(pki.SHA256.Sum(s.spki)[:20]))
	tbs := seq(explicit(0, number(2)), number(s.serial), s.inner, name(s.issuer, ""), seq(utc(s.from), utc(s.until)),
		name(s.subject, s.inn), s.spki, explicit(3, seq(append(slices.Clone(s.exts), id)...)))
	w.certs[s.as] = seq(tbs, s.algo, bits(w.sign(s.by, w.digest, tbs)))
}

func (w *world) certAlgo() []byte {
	if w.alg == pki.RSA {
		return algo(w.withOID, null())
	}
	return algo(w.withOID, nil)
}

func (w *world) sign(key string, h pki.Digest, data []byte) []byte {
	w.t.Helper()
	sig, err := w.keys[key].Sign(rand.Reader, w.digest, h.Sum(data))
	if err != nil {
		w.t.Fatalf("sign with %s: %v", key, err)
	}
	return sig
}

func (w *world) cert(as string) *pki.Certificate {
	w.t.Helper()
	if c := w.read[as]; c != nil {
		return c
	}
	c, err := pki.ParseCertificate(w.certs[as])
	if err != nil {
		w.t.Fatalf("certificate %s: %v", as, err)
	}
	w.read[as] = c
	return c
}

// tbs gives the fields of a certificate: version, serial, algorithm, issuer, validity, subject, key, extensions.
func tbs(cert []byte) [][]byte { return kids(kids(cert)[0]) }

// sheet is a CRL to be made.
type sheet struct {
	by, issuer string
	from, next time.Time
	number     int64 // 0 = none
	revoked    map[int64]time.Time
	exts       [][]byte
	entryExts  [][]byte
}

func (w *world) crl(s sheet) []byte {
	if s.from.IsZero() {
		s.from, s.next = now().AddDate(0, -1, 0), now().AddDate(0, 1, 0)
	}
	if s.issuer == "" {
		s.issuer = "Тестовый УЦ"
	}
	var entries, next []byte
	for serial, at := range s.revoked {
		var exts []byte
		if s.entryExts != nil {
			exts = seq(s.entryExts...)
		}
		entries = append(entries, seq(number(serial), utc(at), exts)...)
	}
	if entries != nil {
		entries = seq(entries)
	}
	if !s.next.IsZero() {
		next = utc(s.next)
	}
	exts := slices.Clone(s.exts)
	if s.number != 0 {
		exts = append(exts, ext("2.5.29.20", false, number(s.number)))
	}
	var wrapped []byte
	if exts != nil {
		wrapped = explicit(0, seq(exts...))
	}
	tbs := seq(number(1), w.certAlgo(), name(s.issuer, ""), utc(s.from), next, entries, wrapped)
	return seq(tbs, w.certAlgo(), bits(w.sign(s.by, w.digest, tbs)))
}

// lists is what a bank's strict profile knows: the leaf 0x1003 is revoked.
func (w *world) lists() *cms.Revocations {
	w.t.Helper()
	if w.known != nil {
		return w.known
	}
	r := new(cms.Revocations)
	for _, raw := range [][]byte{
		w.crl(sheet{by: "root", number: 17, revoked: map[int64]time.Time{0x1003: now().AddDate(0, -2, 0)}}),
		w.crl(sheet{by: "sub", issuer: "Подчинённый УЦ", number: 5}),
	} {
		if err := r.Add(raw); err != nil {
			w.t.Fatal(err)
		}
	}
	w.known = r
	return r
}

func (w *world) policy(pins ...string) *cms.Policy {
	p := &cms.Policy{
		Roots: []*pki.Certificate{w.cert("root")}, CRLs: w.lists(),
		Intermediates: []*pki.Certificate{w.cert("sub"), w.cert("other"), w.cert("subsub"), w.cert("oldca")},
	}
	for _, name := range pins {
		p.Signers = append(p.Signers, cms.Pin{Certificate: w.cert(name)})
	}
	return p
}

// Attribute OIDs.
const (
	atCT   = "1.2.840.113549.1.9.3"
	atMD   = "1.2.840.113549.1.9.4"
	atTime = "1.2.840.113549.1.9.5"
	atSCV1 = "1.2.840.113549.1.9.16.2.12"
	atSCV2 = "1.2.840.113549.1.9.16.2.47"
	idData = "1.2.840.113549.1.7.1"
	idSD   = "1.2.840.113549.1.7.2"
	idTST  = "1.2.840.113549.1.9.16.1.4"
)

// signer is a SignerInfo to be made; the zero value is a good one by the leaf.
type signer struct {
	cert, key    string // "" = leaf
	raw          []byte // the certificate itself, when it has no name
	version      int64  // 0 = 1
	sid          []byte
	digestOID    string
	digestParams []byte
	content      []byte            // what messageDigest is of
	attrs        map[string][]byte // replaced attributes, whole; nil = left out
	extra        [][]byte          // more attributes
	order        func([][]byte) [][]byte
	bare         bool   // no signed attributes
	over         []byte // what the value is really over
	hash         pki.Digest
	sigOID       string
	sigParams    []byte
	sig          []byte
	mutate       func([]byte) []byte
	unsigned     []byte
	tail         []byte // after everything, inside SignerInfo
}

func (w *world) scv2(cert []byte, parts ...[]byte) []byte {
	if len(parts) == 0 {
		f := tbs(cert)
		parts = [][]byte{algo(w.digestOID, nil), octets(w.digest.Sum(cert)), seq(seq(explicit(4, f[3])), f[1])}
	}
	return attr(atSCV2, seq(seq(seq(parts...))))
}

// attributes are the good ones of a certificate, sorted.
func (w *world) attributes(s signer, cert []byte) [][]byte {
	content := s.content
	if content == nil {
		content = w.doc
	}
	good := map[string][]byte{
		atCT: attr(atCT, oid(idData)), atTime: attr(atTime, utc(now())),
		atMD: attr(atMD, octets(w.digest.Sum(content))), atSCV2: w.scv2(cert),
	}
	for id, a := range s.attrs {
		good[id] = a
	}
	all := slices.Clone(s.extra)
	for _, a := range good {
		if a != nil {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, bytes.Compare)
	return all
}

func (w *world) si(s signer) []byte {
	w.t.Helper()
	if s.cert == "" {
		s.cert = "leaf"
	}
	if s.key == "" {
		s.key = s.cert
		if w.keys[s.key] == nil {
			s.key = "leaf"
		}
	}
	cert := s.raw
	if cert == nil {
		cert = w.certs[s.cert]
	}
	if s.hash == "" {
		s.hash = w.digest
	}
	if s.digestOID == "" {
		s.digestOID = w.digestOID
	}
	if s.sigOID == "" {
		s.sigOID = w.keyOID
		if w.alg == pki.RSA && s.sigParams == nil {
			s.sigParams = null()
		}
	}
	if s.version == 0 {
		s.version = 1
	}
	if s.sid == nil {
		f := tbs(cert)
		s.sid = seq(f[3], f[1])
	}
	attrs := w.attributes(s, cert)
	if s.order != nil {
		attrs = s.order(attrs)
	}
	over := s.over
	if over == nil {
		over = set(attrs...)
		if s.bare {
			over = w.doc
		}
	}
	if s.sig == nil {
		s.sig = w.sign(s.key, s.hash, over)
	}
	if s.mutate != nil {
		s.sig = s.mutate(bytes.Clone(s.sig))
	}
	var wrapped, unsigned []byte
	if !s.bare {
		wrapped = explicit(0, attrs...)
	}
	if s.unsigned != nil {
		unsigned = explicit(1, s.unsigned)
	}
	return seq(number(s.version), s.sid, algo(s.digestOID, s.digestParams), wrapped, algo(s.sigOID, s.sigParams), octets(s.sig), unsigned, s.tail)
}

// letter is a SignedData to be made around signers; the zero value is a good detached one.
type letter struct {
	version   int64 // 0 = 1
	digests   [][]byte
	noDigests bool
	etype     string
	content   []byte // nil = detached
	certs     [][]byte
	noCerts   bool
	crls      []byte
	outer     string
}

func (w *world) letter(l letter, signers ...[]byte) []byte {
	if l.version == 0 {
		l.version = 1
	}
	if l.digests == nil && !l.noDigests {
		l.digests = [][]byte{algo(w.digestOID, nil)}
	}
	if l.etype == "" {
		l.etype = idData
	}
	if l.outer == "" {
		l.outer = idSD
	}
	if l.certs == nil && !l.noCerts {
		l.certs = [][]byte{w.certs["leaf"]}
	}
	var econtent, certs, crls []byte
	if l.content != nil {
		econtent = explicit(0, octets(l.content))
	}
	if l.certs != nil {
		certs = explicit(0, l.certs...)
	}
	if l.crls != nil {
		crls = explicit(1, l.crls)
	}
	return seq(oid(l.outer), explicit(0, seq(number(l.version), set(l.digests...), seq(oid(l.etype), econtent), certs, crls, set(signers...))))
}

// one is a message with one signer.
func (w *world) one(s signer) []byte { return w.letter(letter{}, w.si(s)) }

func flipLast(b []byte) []byte { b[len(b)-1] ^= 1; return b }

func hexInt(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 16)
	if !ok {
		panic(fmt.Sprintf("not hex: %q", s))
	}
	return n
}

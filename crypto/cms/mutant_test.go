package cms_test

import (
	"bytes"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"bankconnector/crypto/pki"
)

// TestNothingThatOpenSSLRefuses changes good messages at random and holds every one that is still accepted here against
// openssl: what is accepted here must be accepted there. CMS_MUTANTS sets how many messages are tried for each
// algorithm (1,000 by default, 100,000 in the long run); CMS_SEED another beginning.
func TestNothingThatOpenSSLRefuses(t *testing.T) {
	count, seed := setting(t, "CMS_MUTANTS", 1000), setting(t, "CMS_SEED", 1)
	for _, s := range suites() {
		t.Run(string(s.alg), func(t *testing.T) {
			w, b := newWorld(t, s), newBench(t)
			b.write("doc.xml", w.doc)
			b.write("root.pem", pki.MarshalCertificate(w.cert("root")))
			b.write("leaf.pem", pki.MarshalCertificate(w.cert("leaf")))
			p := w.policy("leaf")
			p.BER, p.Attached = true, true
			originals := mutables(w)
			random := mathrand.New(mathrand.NewPCG(uint64(seed), uint64(len(s.alg))))
			known := map[string]bool{}
			accepted := 0
			for i := range count {
				m := mutate(random, originals[i%len(originals)])
				if !p.Verify(w.doc, m, now()).Valid() || known[string(m)] {
					continue
				}
				known[string(m)] = true
				accepted++
				if out, err := theirs(b, m); err != nil {
					t.Fatalf("message %d of seed %d is accepted here and refused by openssl:\n%x\n%s", i, seed, m, out)
				}
			}
			if accepted == 0 {
				t.Fatal("no message was accepted, so nothing was compared")
			}
			t.Logf("%d messages, %d different ones accepted here, all of them by openssl", count, accepted)
		})
	}
}

// TestOpenSSLAcceptsWhatWeAccept holds every forged message that the strict profile accepts against openssl.
func TestOpenSSLAcceptsWhatWeAccept(t *testing.T) {
	for _, s := range suites() {
		t.Run(string(s.alg), func(t *testing.T) {
			w, b := newWorld(t, s), newBench(t)
			b.write("doc.xml", w.doc)
			b.write("root.pem", append(pki.MarshalCertificate(w.cert("root")), pki.MarshalCertificate(w.cert("sub"))...))
			n := 0
			for _, group := range []func(*world) []attack{good, standing, switches} {
				for _, a := range group(w) {
					pin := a.pin
					if pin == "" {
						pin = "leaf"
					}
					if a.want != "" || a.set != nil {
						continue
					}
					b.write("leaf.pem", pki.MarshalCertificate(w.cert(pin)))
					if out, err := theirs(b, a.sig); err != nil {
						t.Errorf("%q is accepted here and refused by openssl: %s", a.name, out)
					}
					n++
				}
			}
			if n < 15 {
				t.Fatalf("%d messages compared, want at least 15", n)
			}
		})
	}
}

func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a count", name, text)
	}
	return n
}

// theirs asks openssl in the way that is nearest to a strict profile: the pinned certificate, its root, our clock.
func theirs(b *bench, sig []byte) (string, error) {
	b.write("mutant.p7s", sig)
	return b.try("cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", "mutant.p7s", "-content", "doc.xml",
		"-certfile", "leaf.pem", "-CAfile", "root.pem", "-purpose", "any", "-attime", fmt.Sprint(now().Unix()), "-out", "out.bin")
}

// mutables are good messages with something to change in every part that a verifier may leave unread.
func mutables(w *world) [][]byte {
	good := w.one(signer{})
	k := kids(good)
	bouncy := bytes.Join([][]byte{{0x30, 0x80}, k[0], {0xa0, 0x80}, body(k[1]), {0, 0, 0, 0}}, nil)
	return [][]byte{
		good,
		w.one(signer{digestParams: null(), sigParams: null()}),
		w.one(signer{unsigned: append(attr("1.2.3.4.6", octets([]byte("junk")), seq(number(1), oid("1.2.3"), []byte{1, 1, 0xff})), attr("1.2.3.4.7", set(null()))...)}),
		w.one(signer{extra: [][]byte{attr("1.2.840.113549.1.9.15", seq(seq(oid("1.2.643.2.2.21"))))}}),
		w.letter(letter{certs: [][]byte{w.certs["root"], w.certs["other"], w.certs["leaf"]}}, w.si(signer{})),
		w.letter(letter{certs: [][]byte{w.certs["pkup"], w.certs["leaf"]}, crls: w.crl(sheet{by: "root", number: 7, revoked: map[int64]time.Time{7: now()}})}, w.si(signer{})),
		w.letter(letter{noCerts: true}, w.si(signer{})),
		w.letter(letter{digests: [][]byte{algo(w.digestOID, nil), algo("2.16.840.1.101.3.4.2.3", nil)}}, w.si(signer{})),
		w.letter(letter{version: 3}, w.si(signer{version: 3, sid: tlv(0x80, w.cert("leaf").X509.SubjectKeyId)})),
		w.letter(letter{content: w.doc}, w.si(signer{})),
		bouncy,
	}
}

// node is an element of a message taken apart.
type node struct {
	tag  byte
	leaf []byte
	kids []*node
}

// grow takes DER apart as far as it is constructed; nil when it is not DER.
func grow(d []byte) []*node {
	var all []*node
	for len(d) > 1 {
		if d[1] == 0x80 || d[1] > 0x83 || len(d) < 2+int(d[1]&0x7f) && d[1] > 0x80 {
			return nil
		}
		h, n := head(d)
		if h+n > len(d) {
			return nil
		}
		x := &node{tag: d[0], leaf: d[h : h+n]}
		if d[0]&0x20 != 0 {
			x.kids = grow(x.leaf)
		}
		all = append(all, x)
		d = d[h+n:]
	}
	return all
}

func (n *node) bytes() []byte {
	if n.kids == nil {
		return tlv(n.tag, n.leaf)
	}
	var parts [][]byte
	for _, k := range n.kids {
		parts = append(parts, k.bytes())
	}
	return tlv(n.tag, parts...)
}

func (n *node) all() []*node {
	list := []*node{n}
	for _, k := range n.kids {
		list = append(list, k.all()...)
	}
	return list
}

// mutate changes one to three things: octets as they stand, or elements with all lengths put right again.
func mutate(r *mathrand.Rand, m []byte) []byte {
	m = bytes.Clone(m)
	for range 1 + r.IntN(3) {
		trees := grow(m)
		if r.IntN(3) == 0 || len(trees) != 1 || len(trees[0].kids) == 0 {
			m = scratch(r, m)
			continue
		}
		list := trees[0].all()
		graft(r, list[r.IntN(len(list))], list)
		m = trees[0].bytes()
	}
	return m
}

func scratch(r *mathrand.Rand, m []byte) []byte {
	if len(m) == 0 {
		return m
	}
	i := r.IntN(len(m))
	switch r.IntN(4) {
	case 0:
		m[i] ^= 1 << r.IntN(8)
	case 1:
		m[i] = byte(r.IntN(256))
	case 2:
		m = append(m[:i], m[i+1:]...)
	default:
		m = append(m[:i], append([]byte{byte(r.IntN(256))}, m[i:]...)...)
	}
	return m
}

// graft changes an element: its tag, its value, its children, or puts another element of the message in its place.
func graft(r *mathrand.Rand, n *node, list []*node) {
	other := list[r.IntN(len(list))]
	switch op := r.IntN(8); {
	case op == 0:
		n.tag = []byte{0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x17, 0x18, 0x30, 0x31, 0xa0, 0xa1, 0x80, 0x01}[r.IntN(15)]
	case op == 1 && n.kids == nil && len(n.leaf) > 0:
		n.leaf = scratch(r, bytes.Clone(n.leaf))
	case op == 2 && len(n.kids) > 0: // one less
		i := r.IntN(len(n.kids))
		n.kids = append(append([]*node{}, n.kids[:i]...), n.kids[i+1:]...)
	case op == 3 && len(n.kids) > 0: // one twice
		n.kids = append(append([]*node{}, n.kids...), n.kids[r.IntN(len(n.kids))])
	case op == 4 && len(n.kids) > 1: // two change places
		i, j := r.IntN(len(n.kids)), r.IntN(len(n.kids))
		n.kids[i], n.kids[j] = n.kids[j], n.kids[i]
	case op == 5: // another element in its place; copied, so that no element comes to hold itself
		c := grow(other.bytes())
		if len(c) == 1 {
			*n = *c[0]
		}
	case op == 6:
		n.kids, n.leaf = nil, nil
	default:
		n.kids = append(append([]*node{}, n.kids...), &node{tag: 0x05})
	}
}

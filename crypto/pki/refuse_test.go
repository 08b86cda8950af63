package pki_test

import (
	"bytes"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bankconnector/crypto/pki"
)

// code is the refusal code of an error, "" when there is none.
func code(err error) string {
	var r *pki.Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

func issued(t *testing.T, a pki.Algorithm) (*pki.Certificate, pki.PrivateKey) {
	t.Helper()
	key := newKey(t, a)
	cert, err := pki.IssueCertificate(template("Банк"), key.Public(), nil, key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// TestParseCertificateRefuses changes a good certificate octet by octet where the parser must look.
func TestParseCertificateRefuses(t *testing.T) {
	for _, a := range []pki.Algorithm{pki.GOST256, pki.GOST512, pki.ECDSAP256} {
		cert, _ := issued(t, a)
		replace := func(old, to []byte, n int) []byte { return bytes.Replace(cert.Raw, old, to, n) }
		digestSet := map[pki.Algorithm][2][]byte{
			pki.GOST256: {{0x2a, 0x85, 3, 7, 1, 1, 2, 2}, {0x2a, 0x85, 3, 7, 1, 1, 2, 3}},
			pki.GOST512: {{0x2a, 0x85, 3, 7, 1, 1, 2, 3}, {0x2a, 0x85, 3, 7, 1, 1, 2, 2}},
		}[a]
		curve := map[pki.Algorithm][2][]byte{
			pki.GOST256:   {{0x2a, 0x85, 3, 2, 2, 0x23, 1}, {0x2a, 0x85, 3, 2, 2, 0x23, 3}},
			pki.GOST512:   {{0x2a, 0x85, 3, 7, 1, 2, 1, 2, 1}, {0x2a, 0x85, 3, 7, 1, 2, 1, 2, 2}},
			pki.ECDSAP256: {{0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}, {0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 6}},
		}[a]
		bits := cert.X509.RawSubjectPublicKeyInfo
		bits = bits[len(bits)-64:]
		off := bytes.Clone(bits)
		off[len(off)-1] ^= 1
		cases := map[string]struct {
			raw  []byte
			want string
		}{
			"empty":                    {nil, "certificate"},
			"a number":                 {[]byte{2, 1, 1}, "certificate"},
			"cut short":                {cert.Raw[:len(cert.Raw)-1], "certificate"},
			"octet behind":             {append(bytes.Clone(cert.Raw), 0), "trailing-data"},
			"twice":                    {append(bytes.Clone(cert.Raw), cert.Raw...), "trailing-data"},
			"another set":              {replace(curve[0], curve[1], -1), "weak-key"},
			"point off the curve":      {replace(bits, off, 1), "weak-key"},
			"point of zeros":           {replace(bits, make([]byte, 64), 1), "weak-key"},
			"two signature algorithms": {withInner(cert.Raw), "certificate"},
		}
		if digestSet[0] != nil {
			cases["digest set of the other length"] = struct {
				raw  []byte
				want string
			}{replace(digestSet[0], digestSet[1], 1), "algorithm"}
		}
		for name, c := range cases {
			t.Run(string(a)+"/"+name, func(t *testing.T) {
				if _, err := pki.ParseCertificate(c.raw); code(err) != c.want {
					t.Fatalf("got %v, want %s", err, c.want)
				}
			})
		}
	}
}

// withInner changes the last octet of the first signature algorithm only.
func withInner(raw []byte) []byte {
	out := bytes.Clone(raw)
	for _, id := range [][]byte{{0x2a, 0x85, 3, 7, 1, 1, 3, 2}, {0x2a, 0x85, 3, 7, 1, 1, 3, 3}, {0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2}} {
		if i := bytes.Index(out, id); i > 0 {
			out[i+len(id)-1] ^= 7
			return out
		}
	}
	return nil
}

func TestReadCertificates(t *testing.T) {
	one, key := issued(t, pki.ECDSAP256)
	two, _ := issued(t, pki.ECDSAP256)
	text := pki.MarshalCertificate(one)
	private, err := pki.MarshalPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		want int // 0 = refused
	}{
		"DER":                 {one.Raw, 1},
		"PEM":                 {text, 1},
		"PEM with words":      {append([]byte("Сертификат банка\n"), text...), 1},
		"two in PEM":          {append(bytes.Clone(text), pki.MarshalCertificate(two)...), 2},
		"empty":               {nil, 0},
		"words":               {[]byte("Сертификат банка\n"), 0},
		"a key beside":        {append(bytes.Clone(text), private...), 0},
		"a key":               {private, 0},
		"PEM cut short":       {text[:len(text)/2], 0},
		"PEM of something":    {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{5, 0}}), 0},
		"DER with one behind": {append(bytes.Clone(one.Raw), '\n'), 0},
	} {
		got, err := pki.ReadCertificates(c.data)
		if len(got) != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%s: %d certificates, %v", name, len(got), err)
		}
	}
}

func TestReadPrivateKeyRefuses(t *testing.T) {
	key := newKey(t, pki.GOST256)
	text, err := pki.MarshalPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	raw := block.Bytes
	scalar := raw[len(raw)-32:]
	for name, data := range map[string][]byte{
		"empty":                nil,
		"words":                []byte("key"),
		"two in one file":      append(bytes.Clone(text), text...),
		"octet behind":         append(bytes.Clone(raw), 0),
		"cut short":            raw[:len(raw)-1],
		"old form of EC":       pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}),
		"a certificate":        pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}),
		"scalar of zeros":      bytes.Replace(raw, scalar, make([]byte, 32), 1),
		"scalar beyond order":  bytes.Replace(raw, scalar, bytes.Repeat([]byte{0xff}, 32), 1),
		"set that is not":      bytes.Replace(raw, []byte{0x2a, 0x85, 3, 2, 2, 0x23, 1}, []byte{0x2a, 0x85, 3, 2, 2, 0x23, 0}, 1),
		"digest set not its":   bytes.Replace(raw, []byte{0x2a, 0x85, 3, 7, 1, 1, 2, 2}, []byte{0x2a, 0x85, 3, 7, 1, 1, 2, 3}, 1),
		"algorithm of 512":     bytes.Replace(raw, []byte{0x2a, 0x85, 3, 7, 1, 1, 1, 1}, []byte{0x2a, 0x85, 3, 7, 1, 1, 1, 2}, 1),
		"encrypted, no cipher": pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{0x30, 4, 0x30, 0, 4, 0}}),
	} {
		k, err := pki.ReadPrivateKey(data, []byte("x"))
		if err == nil || k != nil {
			t.Errorf("%s: taken", name)
			continue
		}
		if strings.Contains(err.Error(), string(scalar)) {
			t.Errorf("%s: the error repeats the key: %v", name, err)
		}
	}
}

// TestGOSTKeySpellings: the same scalar in the three ways that tools write it.
func TestGOSTKeySpellings(t *testing.T) {
	key := newKey(t, pki.GOST256)
	text, err := pki.MarshalPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	head, scalar := block.Bytes[5:len(block.Bytes)-34], block.Bytes[len(block.Bytes)-32:]
	reversed := bytes.Clone(scalar)
	slices.Reverse(reversed)
	number := append([]byte{2, byte(len(positive(reversed)))}, positive(reversed)...)
	for name, inner := range map[string][]byte{"bare": scalar, "nested": append([]byte{4, 32}, scalar...), "number": number} {
		body := append([]byte{2, 1, 0}, head...)
		body = append(body, append([]byte{4, byte(len(inner))}, inner...)...)
		k, err := pki.ReadPrivateKey(append([]byte{0x30, byte(len(body))}, body...), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(k.Public().SPKI(), key.Public().SPKI()) {
			t.Fatalf("%s: another key", name)
		}
	}
}

// positive is a positive DER integer of big-endian octets.
func positive(b []byte) []byte {
	b = new(big.Int).SetBytes(b).Bytes()
	if b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	return b
}

func TestIssueRefuses(t *testing.T) {
	key, other := newKey(t, pki.ECDSAP256), newKey(t, pki.ECDSAP256)
	ca := template("УЦ")
	ca.IsCA = true
	root, err := pki.IssueCertificate(ca, key.Public(), nil, key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(*pki.Template)) pki.Template { x := template("Банк"); f(&x); return x }
	for name, c := range map[string]struct {
		t      pki.Template
		issuer *pki.Certificate
		key    pki.PrivateKey
	}{
		"ends before it begins":  {change(func(t *pki.Template) { t.NotAfter = t.NotBefore }), nil, other},
		"no name":                {change(func(t *pki.Template) { t.Subject.CommonName = "" }), nil, other},
		"INN of 9 digits":        {change(func(t *pki.Template) { t.Subject.INNLE = "770000000" }), nil, other},
		"OGRN with a letter":     {change(func(t *pki.Template) { t.Subject.OGRN = "10277000000O1" }), nil, other},
		"SNILS with dashes":      {change(func(t *pki.Template) { t.Subject.SNILS = "123-456-789" }), nil, other},
		"self-signed by another": {template("Банк"), nil, key},
		"key not the issuer's":   {template("Банк"), root, other},
	} {
		if c, err := pki.IssueCertificate(c.t, other.Public(), c.issuer, c.key, rand.Reader); err == nil || c != nil {
			t.Errorf("%s: issued", name)
		}
	}
	late := template("Банк")
	late.NotAfter = time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC)
	c, err := pki.IssueCertificate(late, other.Public(), root, key, rand.Reader)
	if err != nil || !c.X509.NotAfter.Equal(late.NotAfter) {
		t.Fatalf("end after 2050: %v, %v", c, err)
	}
	if c.X509.SerialNumber.BitLen() != 127 || c.Issuer().CommonName != "УЦ" {
		t.Fatalf("serial %X, issuer %+v", c.X509.SerialNumber, c.Issuer())
	}
}

func TestTaxpayer(t *testing.T) {
	for _, c := range []struct {
		s    pki.Subject
		want string
	}{
		{pki.Subject{INNLE: "7700000001", INN: "770000000012"}, "7700000001"},
		{pki.Subject{INN: "007700000001"}, "7700000001"},
		{pki.Subject{INN: "770000000012"}, "770000000012"},
		{pki.Subject{}, ""},
	} {
		if got := c.s.Taxpayer(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.s, got, c.want)
		}
	}
}

func TestLockedKeyFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	locked, err := pki.LockPrivateKey(newKey(t, pki.GOST256), []byte("тайна"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := write("key", locked, 0o600)
	for name, c := range map[string]struct {
		key, password string
		ok            bool
	}{
		"right":                {key, write("p1", []byte("тайна\n"), 0o600), true},
		"without a line end":   {key, write("p2", []byte("тайна"), 0o400), true},
		"of another system":    {key, write("p3", []byte("тайна\r\n"), 0o600), true},
		"wrong":                {key, write("p4", []byte("явь\n"), 0o600), false},
		"open to others":       {key, write("p5", []byte("тайна\n"), 0o644), false},
		"missing":              {key, filepath.Join(dir, "none"), false},
		"key open to others":   {write("open", locked, 0o644), write("p6", []byte("тайна\n"), 0o600), false},
		"key is a folder":      {dir, write("p7", []byte("тайна\n"), 0o600), false},
		"key file of 1 MiB":    {write("big", make([]byte, 1<<20), 0o600), write("p8", []byte("тайна\n"), 0o600), false},
		"key file of nothing":  {write("nil", nil, 0o600), write("p9", []byte("тайна\n"), 0o600), false},
		"password of nothing":  {key, write("p10", nil, 0o600), false},
		"password is a folder": {key, dir, false},
	} {
		k, err := pki.ReadLockedKeyFile(c.key, c.password)
		if (err == nil) != c.ok || (k != nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "тайна") {
			t.Errorf("%s: the error repeats the password: %v", name, err)
		}
	}
	if _, err := pki.ReadKeyFile(key); err == nil || !strings.Contains(err.Error(), "password") {
		t.Errorf("encrypted key without a password: %v", err)
	}
	if _, err := pki.LockPrivateKey(newKey(t, pki.GOST256), nil, rand.Reader); err == nil {
		t.Error("locked with no password")
	}
}

// FuzzCertificate: what is taken as a certificate has a key and a name, reads the same again, and is signed by itself
// only if its octets were not changed.
func FuzzCertificate(f *testing.F) {
	paths, err := filepath.Glob("testdata/certificates/*.crt")
	if err != nil || len(paths) < 9 {
		f.Fatalf("%d seed certificates (%v), want at least 9", len(paths), err)
	}
	var seeds [][]byte
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, raw)
		f.Add(raw)
		f.Add(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := pki.ReadCertificates(data)
		if err != nil {
			return
		}
		for _, c := range all {
			again, err := pki.ReadCertificates(pki.MarshalCertificate(c))
			if err != nil || len(again) != 1 || again[0].Fingerprint() != c.Fingerprint() {
				t.Fatalf("reads otherwise a second time: %v", err)
			}
			if c.Key == nil || c.X509 == nil || c.String() == "" || len(c.Key.SPKI()) == 0 {
				t.Fatalf("half a certificate: %+v", c)
			}
			_, _ = c.Subject(), c.Issuer()
			if c.SignedBy(c) == nil && !genuine(c, seeds) {
				t.Fatalf("signed by itself, and nobody signed it: %x", c.Raw)
			}
		}
	})
}

// genuine tells that the signed part of c is that of a seed.
func genuine(c *pki.Certificate, seeds [][]byte) bool {
	for _, s := range seeds {
		if bytes.Contains(s, c.X509.RawTBSCertificate) {
			return true
		}
	}
	return false
}

// FuzzPrivateKey: no file makes the reader fail otherwise than by its error, and what it takes it can write and sign with.
func FuzzPrivateKey(f *testing.F) {
	for _, a := range []pki.Algorithm{pki.GOST256, pki.ECDSAP256} {
		k, err := pki.GenerateKey(a, rand.Reader)
		if err != nil {
			f.Fatal(err)
		}
		plain, err := pki.MarshalPrivateKey(k)
		if err != nil {
			f.Fatal(err)
		}
		block, _ := pem.Decode(plain)
		f.Add(plain)
		f.Add(block.Bytes)
	}
	f.Add([]byte("\x30\x2b\x30\x23\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d\x30\x16\x30\x09\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c\x30\x09\x06\x05\x2a\x03\x04\x05\x06\x05\x00\x04\x04abcd"))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := pki.ReadPrivateKey(data, []byte("word"))
		if err != nil {
			return
		}
		h := k.Algorithm().Digest()
		sum := h.Sum(data)
		sig, err := k.Sign(rand.Reader, h, sum)
		if err != nil || !k.Public().Verify(h, sum, sig) {
			t.Fatalf("a key that does not sign: %v", err)
		}
		if _, err := pki.MarshalPrivateKey(k); err != nil {
			t.Fatal(err)
		}
	})
}

// TestWhatTheStandardLibraryRefuses: certificates that some authorities did issue, and that have no second, kinder reader
// here; the page docs/ops/certificates.md quotes these words.
func TestWhatTheStandardLibraryRefuses(t *testing.T) {
	cert, _ := issued(t, pki.GOST256)
	serial := append([]byte{2, 16}, cert.X509.SerialNumber.Bytes()...)
	negative := bytes.Clone(serial)
	negative[2] |= 0x80
	commonName := []byte{6, 3, 0x55, 4, 3, 0x0c}
	for name, tt := range map[string]struct {
		old, to []byte
		want    string
	}{
		"NegativeSerial":          {serial, negative, "negative serial number"},
		"CyrillicPrintableString": {commonName, []byte{6, 3, 0x55, 4, 3, 0x13}, "invalid PrintableString"},
		"CyrillicIA5String":       {commonName, []byte{6, 3, 0x55, 4, 3, 0x16}, "invalid IA5String"},
	} {
		t.Run(name, func(t *testing.T) {
			raw := bytes.ReplaceAll(cert.Raw, tt.old, tt.to)
			if bytes.Equal(raw, cert.Raw) {
				t.Fatal("nothing was changed")
			}
			if _, err := pki.ParseCertificate(raw); code(err) != "certificate" || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

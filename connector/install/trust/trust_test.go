package trust_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/install/trust"
	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

const (
	inn  = "7707083893"
	ogrn = "1027700132195"
)

func now() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// authority issues certificates and lists of revoked ones.
type authority struct {
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "УЦ"}, NotBefore: now().AddDate(-1, 0, 0), NotAfter: now().AddDate(9, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	must(t, err)
	a.cert, err = x509.ParseCertificate(raw)
	must(t, err)
	a.put(t, "root.pem", raw)
	return a
}

func (a *authority) put(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(a.dir, name)
	must(t, os.WriteFile(path, data, 0o600))
	return path
}

// term is when a certificate holds, in days from now, and whom it names.
type term struct {
	from, until int
	inn, ogrn   string
}

// issue writes a bank's certificate and returns what signs under it.
func (a *authority) issue(t *testing.T, name string, serial int64, x term) *cms.Signer {
	t.Helper()
	key, err := pki.GenerateKey(pki.ECDSAP256, rand.Reader)
	must(t, err)
	public, err := x509.ParsePKIXPublicKey(key.Public().SPKI())
	must(t, err)
	subject := pkix.Name{CommonName: name}
	for oid, value := range map[string]string{"4": x.inn, "1": x.ogrn} {
		if value != "" {
			last := int(oid[0] - '0')
			subject.ExtraNames = append(subject.ExtraNames, pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{1, 2, 643, 100, last}, Value: value})
		}
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: subject, NotBefore: now().AddDate(0, 0, x.from), NotAfter: now().AddDate(0, 0, x.until),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	must(t, err)
	a.put(t, name+".pem", raw)
	cert, err := pki.ParseCertificate(raw)
	must(t, err)
	s, err := cms.NewSigner(cert, key, rand.Reader)
	must(t, err)
	return s
}

// list writes a CRL into a file, whose time moves on as that of a real one does.
func (a *authority) list(t *testing.T, number int64, until time.Time, revoked ...int64) {
	t.Helper()
	template := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: now().Add(-48 * time.Hour).Add(time.Duration(number) * time.Minute), NextUpdate: until}
	for _, serial := range revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(serial), RevocationTime: now().Add(-time.Hour)})
	}
	raw, err := x509.CreateRevocationList(rand.Reader, template, a.cert, a.key)
	must(t, err)
	path := a.put(t, "list.crl", raw)
	must(t, os.Chtimes(path, now(), now().Add(time.Duration(number)*time.Minute)))
}

// bank is a profile whose signers chain to the authority.
func (a *authority) bank(signers ...string) *banks.Bank {
	b := &banks.Bank{BIC: "044525225", Name: "ПАО Пример", INN: inn, OGRN: ogrn, State: banks.StateActive}
	for _, name := range signers {
		b.Signers = append(b.Signers, banks.Signer{CertificateFile: filepath.Join(a.dir, name+".pem")})
	}
	b.Trust = banks.Trust{
		Roots: []string{filepath.Join(a.dir, "root.pem")}, CRLs: []string{filepath.Join(a.dir, "list.crl")},
		Revocation: "required", Card: "required",
	}
	b.Signature = banks.Signature{Count: 1, SigningCertificate: "required", KeyPeriod: "required"}
	return b
}

func (a *authority) open(t *testing.T, b *banks.Bank) (*trust.Trust, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	o := trust.Options{Floors: filepath.Join(a.dir, "numbers.json"), Keep: true, Log: slog.New(slog.NewTextHandler(&log, nil))}
	x, err := trust.Open([]*banks.Bank{b}, o)
	must(t, err)
	return x, &log
}

func wantStatus(t *testing.T, v cms.Verdict, status cms.Status, code string) {
	t.Helper()
	if v.Status != status || v.Code != code {
		t.Errorf("got %s %s (%s), want %s %s", v.Status, v.Code, v.Detail, status, code)
	}
}

// TestListsAreTakenAsTheyChange follows one bank through the life of a CRL: no reload, only files.
func TestListsAreTakenAsTheyChange(t *testing.T) {
	a := newAuthority(t)
	s := a.issue(t, "bank", 7, term{-10, 300, inn, ogrn})
	content := []byte("<Report/>")
	sig, err := s.Sign(t.Context(), content, now())
	must(t, err)
	a.list(t, 5, now().Add(time.Hour))
	b := a.bank("bank")
	x, log := a.open(t, b)
	v := x.Verifier(b)
	wantStatus(t, v.Verify(content, sig, now()), cms.Valid, "")

	later := now().Add(2 * time.Hour)
	wantStatus(t, v.Verify(content, sig, later), cms.Unchecked, "crl-stale")
	a.list(t, 6, now().Add(24*time.Hour))
	wantStatus(t, v.Verify(content, sig, later), cms.Valid, "")

	must(t, os.Remove(b.Trust.CRLs[0]))
	wantStatus(t, v.Verify(content, sig, later), cms.Valid, "")
	if !strings.Contains(log.String(), "the last one stays in force") {
		t.Errorf("a lost CRL is not told: %s", log)
	}
	a.list(t, 7, now().Add(24*time.Hour), 7)
	wantStatus(t, v.Verify(content, sig, later), cms.Revoked, "revoked")
}

// TestWhatIsReliedOnIsKept: nothing is held against a file that nobody can show later.
func TestWhatIsReliedOnIsKept(t *testing.T) {
	a := newAuthority(t)
	s := a.issue(t, "bank", 7, term{-10, 300, inn, ogrn})
	sig, err := s.Sign(t.Context(), []byte("x"), now())
	must(t, err)
	a.list(t, 5, now().Add(time.Hour))
	b := a.bank("bank")
	var taken []string
	var fails error
	x, err := trust.Open([]*banks.Bank{b}, trust.Options{Floors: filepath.Join(a.dir, "numbers.json"), Log: slog.New(slog.DiscardHandler), Taken: func(all bool, list []trust.Material) error {
		for _, m := range list {
			if len(m.Parts) != 1 || m.Parts[0][0] != 0x30 || len(m.Banks) != 1 || m.Banks[0] != "044525225" {
				t.Errorf("%s is %+v", m.File, m)
			}
			taken = append(taken, fmt.Sprint(m.What, all))
		}
		return fails
	}})
	must(t, err)
	if got := strings.Join(taken, " "); got != "signertrue roottrue crltrue" {
		t.Errorf("kept at the start: %s", got)
	}
	v, later := x.Verifier(b), now().Add(2*time.Hour)
	wantStatus(t, v.Verify([]byte("x"), sig, now()), cms.Valid, "")
	a.list(t, 6, now().Add(24*time.Hour))
	fails = errors.New("the disk is full")
	wantStatus(t, v.Verify([]byte("x"), sig, later), cms.Unchecked, "crl-stale")
	fails, taken = nil, nil
	wantStatus(t, v.Verify([]byte("x"), sig, later), cms.Valid, "")
	wantStatus(t, v.Verify([]byte("x"), sig, later), cms.Valid, "")
	if got := strings.Join(taken, " "); got != "crlfalse" {
		t.Errorf("kept when it changed: %s", got)
	}
}

// TestNumbersOutliveARestart puts back an older list, in which the signer was not yet revoked.
func TestNumbersOutliveARestart(t *testing.T) {
	a := newAuthority(t)
	s := a.issue(t, "bank", 7, term{-10, 300, inn, ogrn})
	content := []byte("<Report/>")
	sig, err := s.Sign(t.Context(), content, now())
	must(t, err)
	a.list(t, 6, now().Add(time.Hour), 7)
	b := a.bank("bank")
	x, _ := a.open(t, b)
	wantStatus(t, x.Verifier(b).Verify(content, sig, now()), cms.Revoked, "revoked")

	a.list(t, 5, now().Add(time.Hour))
	again, _ := a.open(t, b)
	wantStatus(t, again.Verifier(b).Verify(content, sig, now()), cms.Unchecked, "crl-rollback")

	must(t, os.WriteFile(filepath.Join(a.dir, "numbers.json"), []byte("{"), 0o600))
	if _, err := trust.Open(nil, trust.Options{Floors: filepath.Join(a.dir, "numbers.json")}); err == nil || !strings.Contains(err.Error(), "numbers.json") {
		t.Errorf("a broken file of numbers: %v", err)
	}
}

// TestOnlyOneProcessKeepsNumbers: a command that looks does not write into the state folder.
func TestOnlyOneProcessKeepsNumbers(t *testing.T) {
	a := newAuthority(t)
	s := a.issue(t, "bank", 7, term{-10, 300, inn, ogrn})
	sig, err := s.Sign(t.Context(), []byte("x"), now())
	must(t, err)
	a.list(t, 6, now().Add(time.Hour))
	b, floors := a.bank("bank"), filepath.Join(a.dir, "numbers.json")
	x, err := trust.Open([]*banks.Bank{b}, trust.Options{Floors: floors})
	must(t, err)
	wantStatus(t, x.Verifier(b).Verify([]byte("x"), sig, now()), cms.Valid, "")
	if _, err := os.Stat(floors); !os.IsNotExist(err) {
		t.Errorf("written: %v", err)
	}
	y, _ := a.open(t, b)
	wantStatus(t, y.Verifier(b).Verify([]byte("x"), sig, now()), cms.Valid, "")
	var kept map[string]string
	text, err := os.ReadFile(floors)
	must(t, err)
	must(t, json.Unmarshal(text, &kept))
	if len(kept) != 1 {
		t.Errorf("kept %s", text)
	}
}

// TestProfileSwitches gives each key of a profile a message that it decides about.
func TestProfileSwitches(t *testing.T) {
	a := newAuthority(t)
	s := a.issue(t, "bank", 7, term{-10, 300, inn, ogrn})
	a.issue(t, "nameless", 8, term{-10, 300, "", ""})
	a.list(t, 6, now().Add(time.Hour))
	der, err := s.Sign(t.Context(), []byte("x"), now())
	must(t, err)
	// ContentInfo alone with an indefinite length: 30 80 … 00 00.
	head := 2 + int(der[1]&0x7f)
	ber := append(append([]byte{0x30, 0x80}, der[head:]...), 0, 0)
	wrapped := pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: der})
	bare := []byte(base64.StdEncoding.EncodeToString(der))
	ahead, err := s.Sign(t.Context(), []byte("x"), now().Add(10*time.Minute)) // by a clock that is fast
	must(t, err)
	// The certificate in the message says that it is of version 10; there is none.
	damaged := bytes.Replace(der, []byte{0xa0, 3, 2, 1, 2}, []byte{0xa0, 3, 2, 1, 9}, 1)
	for _, tt := range []struct {
		name   string
		change func(*banks.Bank)
		sig    []byte
		want   cms.Status
	}{
		{"DER", func(*banks.Bank) {}, der, cms.Valid},
		{"BERWithoutSwitch", func(*banks.Bank) {}, ber, cms.Invalid},
		{"BERWithSwitch", func(b *banks.Bank) { b.Signature.BER = true }, ber, cms.Valid},
		{"TwoSignersWanted", func(b *banks.Bank) { b.Signature.Count = 2 }, der, cms.Invalid},
		{"NotPinned", func(b *banks.Bank) { b.Signers[0].CertificateFile = filepath.Join(a.dir, "nameless.pem") }, der, cms.UnknownSigner},
		{"AnotherBanksCard", func(b *banks.Bank) { b.INN = "7736050003" }, der, cms.UnknownSigner},
		{"CardIgnored", func(b *banks.Bank) { b.INN, b.Trust.Card = "7736050003", "ignore" }, der, cms.Valid},
		{"NoListAndRequired", func(b *banks.Bank) { b.Trust.CRLs = nil }, der, cms.Unchecked},
		{"NoListAndOptional", func(b *banks.Bank) { b.Trust.CRLs, b.Trust.Revocation = nil, "optional" }, der, cms.Valid},
		{"PinAlone", func(b *banks.Bank) { b.Trust.Roots, b.Trust.CRLs = nil, nil }, der, cms.Valid},
		{"PurposeListed", func(b *banks.Bank) { b.Signature.Purposes = []string{"1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.1"} }, der, cms.Valid},
		{"PurposeNotListed", func(b *banks.Bank) { b.Signature.Purposes = []string{"1.3.6.1.5.5.7.3.4"} }, der, cms.Invalid},
		{"AnyPurposeIsNotListed", func(b *banks.Bank) { b.Signature.Purposes = []string{"2.5.29.37.0"} }, der, cms.Invalid},
		{"PEMWithoutSwitch", func(*banks.Bank) {}, wrapped, cms.Valid},
		{"PEMWithSwitch", func(b *banks.Bank) { b.Signature.DEROnly = true }, wrapped, cms.Invalid},
		{"Base64WithoutSwitch", func(*banks.Bank) {}, bare, cms.Valid},
		{"Base64WithSwitch", func(b *banks.Bank) { b.Signature.DEROnly = true }, bare, cms.Invalid},
		{"DERWithSwitch", func(b *banks.Bank) { b.Signature.DEROnly = true }, der, cms.Valid},
		{"DamagedBagWithoutSwitch", func(*banks.Bank) {}, damaged, cms.Invalid},
		{"DamagedBagWithSwitch", func(b *banks.Bank) { b.Signature.LooseBag = true }, damaged, cms.Valid},
		{"ClockAheadOfTheDefault", func(*banks.Bank) {}, ahead, cms.Invalid},
		{"ClockAheadOfTheSkew", func(b *banks.Bank) { b.Signature.Skew = 10*time.Minute - time.Second }, ahead, cms.Invalid},
		{"ClockWithinTheSkew", func(b *banks.Bank) { b.Signature.Skew = 10 * time.Minute }, ahead, cms.Valid},
		{"NotYet", func(b *banks.Bank) { b.Signers[0].From = now().Add(time.Hour) }, der, cms.UnknownSigner},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := a.bank("bank")
			tt.change(b)
			x, _ := a.open(t, b)
			if v := x.Verifier(b).Verify([]byte("x"), tt.sig, now()); v.Status != tt.want {
				t.Errorf("got %s %s (%s), want %s", v.Status, v.Code, v.Detail, tt.want)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	a := newAuthority(t)
	a.issue(t, "bank", 7, term{-10, 300, inn, ogrn})
	a.issue(t, "nameless", 8, term{-10, 300, "", ""})
	a.issue(t, "person", 9, term{-10, 300, "500100732259", ""})
	a.issue(t, "stranger", 10, term{-10, 300, "7736050003", ""})
	a.issue(t, "branch", 11, term{-10, 300, inn, "1027700067328"})
	a.list(t, 6, now().Add(time.Hour))
	a.put(t, "junk.crl", []byte("junk"))
	for _, tt := range []struct {
		name   string
		change func(*banks.Bank)
		want   string // path and part of the text; "" for no problem
	}{
		{"Sound", func(*banks.Bank) {}, ""},
		{"PurposeIsNoIdentifier", func(b *banks.Bank) { b.Signature.Purposes = []string{"emailProtection"} }, "signature.purposes[0]: \"emailProtection\" is no"},
		{"NamesNobody", func(b *banks.Bank) { *b = *a.bank("nameless") }, "signers[0].certificate_file: names no INN"},
		{"NamesNobodyAndMayDoSo", func(b *banks.Bank) { *b = *a.bank("nameless"); b.Trust.Card = "named" }, ""},
		{"NamesAPersonAndMayDoSo", func(b *banks.Bank) { *b = *a.bank("person"); b.Trust.Card = "named" }, ""},
		{"NamesAnotherBank", func(b *banks.Bank) { *b = *a.bank("stranger"); b.Trust.Card = "named" }, "signers[0].certificate_file: names INN 7736050003"},
		{"NamesAnotherOGRN", func(b *banks.Bank) { *b = *a.bank("branch"); b.Trust.Card = "named" }, "signers[0].certificate_file: names OGRN"},
		{"CardIgnored", func(b *banks.Bank) { *b = *a.bank("stranger"); b.Trust.Card = "ignore" }, ""},
		{"RootIsNoCertificate", func(b *banks.Bank) { b.Trust.Roots[0] = filepath.Join(a.dir, "junk.crl") }, "trust.roots[0]: junk.crl"},
		{"AuthorityIsNoCertificate", func(b *banks.Bank) { b.Trust.Intermediates = []string{filepath.Join(a.dir, "list.crl")} }, "trust.intermediates[0]: list.crl"},
		{"ListIsNone", func(b *banks.Bank) { b.Trust.CRLs[0] = filepath.Join(a.dir, "junk.crl") }, "trust.crls[0]: junk.crl"},
		{"ListIsNotThere", func(b *banks.Bank) { b.Trust.CRLs[0] = filepath.Join(a.dir, "gone.crl") }, "trust.crls[0]: gone.crl"},
		{"ListIsNotThereOfASuspendedBank", func(b *banks.Bank) { b.State, b.Trust.CRLs[0] = banks.StateSuspended, filepath.Join(a.dir, "gone.crl") }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := a.bank("bank")
			tt.change(b)
			problems := trust.Check(b)
			path, text, _ := strings.Cut(tt.want, ": ")
			switch {
			case tt.want == "" && len(problems) > 0:
				t.Errorf("told %v", problems)
			case tt.want != "" && (len(problems) != 1 || problems[0].Path != path || !strings.Contains(problems[0].Text, text)):
				t.Errorf("told %v, want %s", problems, tt.want)
			}
		})
	}
}

func TestRehearse(t *testing.T) {
	a := newAuthority(t)
	a.issue(t, "old", 7, term{-300, 10, inn, ogrn})
	a.issue(t, "next", 8, term{-1, 365, inn, ogrn})
	a.issue(t, "late", 9, term{20, 385, inn, ogrn})
	a.issue(t, "gone", 10, term{-300, -1, inn, ogrn})
	a.issue(t, "revoked", 11, term{-1, 365, inn, ogrn})
	a.list(t, 6, now().Add(time.Hour), 11)
	day := func(n int) time.Time { return now().AddDate(0, 0, n) }
	for _, tt := range []struct {
		name    string
		signers []string
		from    []time.Time
		want    []string
	}{
		{"Alone", []string{"next"}, nil, nil},
		{"Announced", []string{"old", "next"}, []time.Time{{}, day(5)}, nil},
		{"EndsWithoutSuccessor", []string{"old"}, nil, []string{"no signer is accepted after"}},
		{"Gap", []string{"old", "late"}, nil, []string{"no signer is accepted after"}},
		{"AnnouncedBeforeItHolds", []string{"next", "late"}, []time.Time{{}, day(5)}, []string{"announced from 2026-11-27, will not be accepted then"}},
		{"AnnouncedAndRevoked", []string{"next", "revoked"}, []time.Time{{}, day(5)}, []string{"announced from 2026-11-27, will not be accepted then"}},
		{"Ended", []string{"gone"}, nil, []string{"is not accepted now", "no signer is accepted now"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := a.bank(tt.signers...)
			for i, from := range tt.from {
				b.Signers[i].From = from
			}
			x, _ := a.open(t, b)
			got := x.Rehearse(b, now())
			if len(got) != len(tt.want) {
				t.Fatalf("warned %q, want %q", got, tt.want)
			}
			for i, want := range tt.want {
				if !strings.Contains(got[i].Text, want) || got[i].Bank != "044525225" {
					t.Errorf("warned %q, want %q", got[i], want)
				}
			}
		})
	}
}

// Package practice sets up everything for a rehearsal on one machine: keys and
// certificates, the banks' folders, the configuration of a connector that meets them,
// sample documents, and the comparison with the banks' own ledgers at the end.
//
// It may call keys, rehearsal, install, spool, banks, formats, envelope, cms and pki.
package practice

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"bankconnector/banks/rehearsal"
	"bankconnector/connector/keys"
	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
	"bankconnector/formats"
	"bankconnector/internal/durable"
)

// Stage is a folder with everything that rehearsal banks and a connector that meets
// them need. Keys and certificates are made on the spot and kept, so that a second start
// finds the same banks.
//
//	DIR/config.yaml, DIR/banks.d/BIC.yaml     for the connector
//	DIR/keys/signing.{key,pem}                the service's signature
//	DIR/keys/official.{key,pem}               a bailiff's signature, for samples
//	DIR/keys/BIC.ssh                          our login at a bank
//	DIR/banks/BIC/                            the bank: its keys, its folders, its ledgers
//	DIR/state, DIR/office                     what the connector makes
type Stage struct {
	Dir    string
	Quirks []rehearsal.Quirk
	Now    func() time.Time

	bank []rehearsal.Bank
}

// MostBanks is how many banks a stage can have: each serves on a port of its own.
const MostBanks = 1000

const (
	practiceYears = 5
	practiceZone  = "Europe/Moscow"
)

// Setup makes what is not there yet.
func (p *Stage) Setup(count int) error {
	for _, dir := range []string{"keys", "banks.d", "banks"} {
		if err := durable.MkdirAll(filepath.Join(p.Dir, dir), 0o750); err != nil {
			return err
		}
	}
	own, err := p.signer("keys/signing", pki.Subject{
		CommonName: "ФССП России (учебный ключ)", Organization: "ФССП России", INNLE: "7709576929", OGRN: "1047796859791",
	})
	if err != nil {
		return err
	}
	if _, err := p.signer("keys/official", pki.Subject{CommonName: "Тестов Тест Тестович", Organization: "ФССП России", SNILS: "11223344595"}); err != nil {
		return err
	}
	for i := range count {
		b, err := p.makeBank(i, own)
		if err != nil {
			return fmt.Errorf("make rehearsal bank %d: %w", i+1, err)
		}
		p.bank = append(p.bank, b)
	}
	return nil
}

func (p *Stage) makeBank(i int, own *cms.Signer) (rehearsal.Bank, error) {
	b := rehearsal.Bank{
		Sample: sampleBank(i), User: "fssp", Quirks: p.Quirks,
		Verify: cms.Policy{Signers: []cms.Pin{{Certificate: own.Certificate()}}},
	}
	home := filepath.Join("banks", b.Sample.BIC)
	var err error
	if b.Signer, err = p.signer(filepath.Join(home, "signing"), pki.Subject{
		CommonName: b.Sample.Name, Organization: b.Sample.Name, INNLE: b.Sample.INN, OGRN: b.Sample.OGRN,
	}); err != nil {
		return b, err
	}
	if b.HostKey, err = p.sshKey(filepath.Join(home, "host_key"), b.Sample.BIC); err != nil {
		return b, err
	}
	login, err := p.sshKey(filepath.Join("keys", b.Sample.BIC+".ssh"), "fssp@"+b.Sample.BIC)
	if err != nil {
		return b, err
	}
	b.Authorized = []ssh.PublicKey{login.PublicKey()}
	return b, nil
}

// sampleBank invents a bank: 04 45 25 and a number from 101, then further regions; ИНН
// and ОГРН with right check digits, for the profile is checked as any other.
func sampleBank(i int) formats.SampleBank {
	region, number := 25+i/800, 101+i%800
	inn := withINNDigit(fmt.Sprintf("77%07d", 100001+i))
	return formats.SampleBank{
		BIC:  fmt.Sprintf("0445%02d%03d", region, number),
		Name: fmt.Sprintf("АО «Учебный банк %d»", i+1),
		INN:  inn, KPP: inn[:4] + "01001", OGRN: withOGRNDigit(fmt.Sprintf("10277%07d", 100001+i)),
	}
}

// withINNDigit adds the check digit of a legal entity's ИНН (приказ ФНС ЕД-7-14/559@).
func withINNDigit(nine string) string {
	sum := 0
	for i, w := range []int{2, 4, 10, 3, 5, 9, 4, 6, 8} {
		sum += w * int(nine[i]-'0')
	}
	return nine + strconv.Itoa(sum%11%10)
}

// withOGRNDigit adds the check digit of an ОГРН: the number modulo 11, modulo 10.
func withOGRNDigit(twelve string) string {
	n, _ := strconv.ParseInt(twelve, 10, 64) // twelve digits of our own making
	return twelve + strconv.FormatInt(n%11%10, 10)
}

// signer opens PATH.key and PATH.pem, made when they are not there.
func (p *Stage) signer(path string, subject pki.Subject) (*cms.Signer, error) {
	path = filepath.Join(p.Dir, path)
	if _, err := os.Stat(path + ".key"); errors.Is(err, fs.ErrNotExist) {
		_ = os.Remove(path + ".pem") // half a pair of an interrupted start
		v := keys.Validity{From: p.Now(), Until: p.Now().AddDate(practiceYears, 0, 0)}
		if _, err := keys.NewSigning(path+".key", pki.GOST256, subject, v); err != nil {
			return nil, err
		}
	}
	return openSigner(path)
}

// openSigner opens PATH.key and PATH.pem.
func openSigner(path string) (*cms.Signer, error) {
	key, err := pki.ReadKeyFile(path + ".key")
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path + ".pem")
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	certs, err := pki.ReadCertificates(data)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s.pem: %w", path, err)
	}
	return cms.NewSigner(certs[0], key, rand.Reader)
}

func (p *Stage) sshKey(path, comment string) (ssh.Signer, error) {
	path = filepath.Join(p.Dir, path)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		_ = os.Remove(path + ".pub") // half a pair of an interrupted start
		if _, err := keys.NewSSH(path, comment); err != nil {
			return nil, err
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read SSH key: %w", err)
	}
	return ssh.ParsePrivateKey(data)
}

// Open brings the banks up.
func (p *Stage) Open(ctx context.Context, c rehearsal.Config) (*rehearsal.Rehearsal, error) {
	zone, err := time.LoadLocation(practiceZone) // the dates of documents are days of this zone
	if err != nil {
		return nil, fmt.Errorf("start rehearsal: %w", err)
	}
	c.Dir, c.Now = p.Dir, func() time.Time { return p.Now().In(zone) }
	return rehearsal.Start(ctx, c, p.bank)
}

// Start brings the banks up and writes the configuration of a connector that meets them.
func (p *Stage) Start(ctx context.Context, c rehearsal.Config) (*rehearsal.Rehearsal, error) {
	r, err := p.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := p.configure(r); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (p *Stage) configure(r *rehearsal.Rehearsal) error {
	for _, b := range p.bank {
		host, port, ok := strings.Cut(r.Addr(b.Sample.BIC), ":")
		if !ok {
			return fmt.Errorf("rehearsal bank %s has no address", b.Sample.BIC)
		}
		text := fmt.Sprintf(practiceBank, b.Sample.BIC, strconv.Quote(b.Sample.Name), b.Sample.INN, b.Sample.OGRN, b.Sample.KPP,
			host, port, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(b.HostKey.PublicKey()))))
		text += p.quirkKeys()
		if err := durable.Replace(filepath.Join(p.Dir, "banks.d", b.Sample.BIC+".yaml"), []byte(text), 0o640); err != nil {
			return err
		}
	}
	return durable.Replace(filepath.Join(p.Dir, "config.yaml"), []byte(practiceConfig+p.daysOff()), 0o640)
}

// daysOff are the public holidays of this year and the next (ТК РФ ст. 112), without the
// transfers that the Government decrees.
func (p *Stage) daysOff() string {
	var days []string
	for year := p.Now().Year(); year <= p.Now().Year()+1; year++ {
		for d := 1; d <= 8; d++ {
			days = append(days, fmt.Sprintf("%d-01-%02d", year, d))
		}
		for _, day := range []string{"02-23", "03-08", "05-01", "05-09", "06-12", "11-04"} {
			days = append(days, fmt.Sprintf("%d-%s", year, day))
		}
	}
	return "calendar:\n  days_off: [" + strings.Join(days, ", ") + "]\n"
}

// quirkKeys are the keys of a profile that a bank with these quirks needs.
func (p *Stage) quirkKeys() string {
	// Rehearsal banks refuse a second document with the same key, so the same rename may be
	// sent again when its outcome is unknown.
	delivery, pickup := "delivery:\n  unknown_outcome: reissue\n", ""
	for _, q := range p.Quirks {
		for _, info := range rehearsal.Quirks() {
			if info.Name != q {
				continue
			}
			if info.Delivery != "" {
				delivery = "delivery:\n  mode: " + info.Delivery + "\n"
				if info.Delivery != "marker" && info.Delivery != "blind" { // without a rename nothing may be sent again
					delivery += "  unknown_outcome: reissue\n"
				}
			}
			if info.Pickup != "" {
				pickup = "pickup:\n  mode: " + info.Pickup + "\n"
			}
		}
	}
	return delivery + pickup
}

const practiceConfig = `# Made by bankconnector for practice. Meaning of the keys: config.example.yaml.
state_dir: state
office_dir: office
banks_dir: banks.d
time_zone: ` + practiceZone + `
allow_root: true
signing:
  certificate_file: keys/signing.pem
  key_file: keys/signing.key
office:
  officials: [keys/official.pem]
  poll: 1s
`

const practiceBank = `# Made by bankconnector for practice: a bank of its own making on this machine.
bic: "%[1]s"
name: %[2]s
inn: "%[3]s"
ogrn: "%[4]s"
kpp: "%[5]s"
state: active
sftp:
  host: %[6]s
  port: %[7]s
  user: fssp
  key_file: ../keys/%[1]s.ssh
  host_keys:
    - key: %[8]s
schedule:
  every: 1m
signers:
  - certificate_file: ../banks/%[1]s/signing.pem
format:
  manifest: required
`

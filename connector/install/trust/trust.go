// Package trust makes of each bank's profile the policy that its signatures are held against: pinned signers, roots,
// lists of revoked certificates. It keeps the highest CRL numbers seen over restarts, and takes a CRL anew when its file
// changes, so that whoever fetches the lists need not tell the daemon.
//
// It judges nothing itself, that is cms, and fetches nothing from the network. It may call banks, cms, pki and durable.
package trust

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"sync"
	"time"

	"bankconnector/banks"
	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
	"bankconnector/internal/durable"
)

// Options are what a Trust takes from outside.
type Options struct {
	Floors string           // file of the highest CRL numbers seen; need not be there yet
	Keep   bool             // write the file when a number rises; only the one process that has the state folder may
	Log    *slog.Logger     // may be nil when Keep is off
	Now    func() time.Time // nil: the moment that is judged is the present
	// Taken keeps what was read anew, before anything is held against it; nil: nobody keeps it.
	Taken func(all bool, list []Material) error
}

// Material is the content of one file that signatures are held against.
type Material struct {
	What  string   // "signer", "root", "intermediate" or "crl" (also an answer of OCSP)
	File  string   // its path
	Banks []string // БИК of those whose profile names the file
	Parts [][]byte // certificates, lists and answers in it, DER
}

// Trust is the policies of all banks of one configuration, and what they share. It is safe for concurrent use.
type Trust struct {
	opts     Options
	policies map[banks.ID]*cms.Policy
	known    *cms.Revocations
	certs    map[string][]*pki.Certificate // by file: what was proven once is remembered by the certificate itself

	mu    sync.Mutex
	lists map[string]stamp // files of CRLs as they were last read
	kept  map[string]string
	used  map[string]*Material // by what it is and the path
	paths []string             // keys of used, in the order they were met
}

// stamp tells one content of a file from the next.
type stamp struct {
	size int64
	time time.Time
}

// Open reads every file that the profiles name. A suspended bank whose files are not there has no policy.
func Open(list []*banks.Bank, o Options) (*Trust, error) {
	t := &Trust{
		opts: o, policies: make(map[banks.ID]*cms.Policy), known: &cms.Revocations{Now: o.Now},
		certs: make(map[string][]*pki.Certificate), lists: make(map[string]stamp), used: make(map[string]*Material),
	}
	if err := t.readFloors(); err != nil {
		return nil, err
	}
	for _, b := range list {
		p, err := t.policy(b)
		if err != nil && b.State == banks.StateSuspended {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("bank %s: %w", b.BIC, err)
		}
		t.policies[b.BIC] = p
	}
	if o.Taken == nil {
		return t, nil
	}
	all := make([]Material, 0, len(t.paths))
	for _, key := range t.paths {
		all = append(all, *t.used[key])
	}
	if err := o.Taken(true, all); err != nil {
		return nil, fmt.Errorf("keep what signatures are held against: %w", err)
	}
	return t, nil
}

// use remembers that a bank's signatures are held against a file.
func (t *Trust) use(b *banks.Bank, what, path string, parts [][]byte) {
	key := what + " " + path
	m := t.used[key]
	if m == nil {
		m = &Material{What: what, File: path}
		t.used[key], t.paths = m, append(t.paths, key)
	}
	if parts != nil {
		m.Parts = parts
	}
	m.Banks = append(m.Banks, string(b.BIC))
}

func raw(list ...*pki.Certificate) (parts [][]byte) {
	for _, c := range list {
		parts = append(parts, c.Raw)
	}
	return parts
}

// Policy is what a bank's signatures are held against, nil for a suspended bank without its files.
func (t *Trust) Policy(id banks.ID) *cms.Policy { return t.policies[id] }

// Knows tells whether a bank's signatures can be told from those of others.
func (t *Trust) Knows(id banks.ID) bool { return t.policies[id] != nil }

// policy reads one profile.
func (t *Trust) policy(b *banks.Bank) (*cms.Policy, error) {
	p := &cms.Policy{
		Signatures: b.Signature.Count, BER: b.Signature.BER, PSS: b.Signature.PSS, Attached: b.Signature.Attached,
		DEROnly: b.Signature.DEROnly, LooseBag: b.Signature.LooseBag, Skew: b.Signature.Skew,
		Purposes:                   b.Signature.Purposes,
		SigningCertificateOptional: b.Signature.SigningCertificate == "optional",
		KeyPeriodOptional:          b.Signature.KeyPeriod == "optional",
		RevocationOptional:         b.Trust.Revocation == "optional",
	}
	if b.Trust.Card == "required" {
		p.INN, p.OGRN = b.INN, b.OGRN
	}
	for _, s := range b.Signers {
		cert, err := ReadCertificate(s.CertificateFile)
		if err != nil {
			return nil, err
		}
		p.Signers = append(p.Signers, cms.Pin{Certificate: cert, From: s.From, Until: s.Until})
		t.use(b, "signer", s.CertificateFile, raw(cert))
	}
	var err error
	if p.Roots, err = t.authorities(b, "root", b.Trust.Roots); err != nil {
		return nil, err
	}
	if p.Intermediates, err = t.authorities(b, "intermediate", b.Trust.Intermediates); err != nil {
		return nil, err
	}
	for _, path := range b.Trust.CRLs {
		parts, err := t.readList(path)
		if err != nil {
			return nil, err
		}
		t.use(b, "crl", path, parts)
		p.CRLs = t.known
	}
	return p, nil
}

// authorities reads files of one certificate or many.
func (t *Trust) authorities(b *banks.Bank, what string, paths []string) ([]*pki.Certificate, error) {
	var all []*pki.Certificate
	for _, path := range paths {
		if t.certs[path] == nil {
			list, err := readCertificates(path)
			if err != nil {
				return nil, err
			}
			t.certs[path] = list
		}
		t.use(b, what, path, raw(t.certs[path]...))
		all = append(all, t.certs[path]...)
	}
	return all, nil
}

func readCertificates(path string) ([]*pki.Certificate, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	list, err := pki.ReadCertificates(data)
	if err == nil && len(list) == 0 {
		err = errors.New("no certificate in the file")
	}
	if err != nil {
		return nil, fmt.Errorf("read certificate %s: %w", path, err)
	}
	return list, nil
}

// ReadCertificate reads a file that must hold exactly one certificate.
func ReadCertificate(path string) (*pki.Certificate, error) {
	list, err := readCertificates(path)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, fmt.Errorf("read certificate %s: %d certificates in the file, exactly one is pinned", path, len(list))
	}
	return list[0], nil
}

// readList takes a file of CRLs or an OCSP answer, unless it is as it was; then it returns nothing.
func (t *Trust) readList(path string) (parts [][]byte, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read CRL: %w", err)
	}
	now := stamp{info.Size(), info.ModTime()}
	if t.lists[path] == now {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read CRL: %w", err)
	}
	if err := new(cms.Revocations).Add(data); err != nil { // what nobody can read is not kept
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	parts = split(data)
	if err := t.keepNew(path, parts); err != nil {
		return nil, fmt.Errorf("keep CRL %s: %w", path, err)
	}
	if err := t.known.Add(data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	t.lists[path] = now
	return parts, nil
}

// split takes the PEM blocks of a file apart; a file of another form is one part.
func split(data []byte) (parts [][]byte) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		parts = append(parts, block.Bytes)
	}
	if parts == nil {
		parts = [][]byte{data}
	}
	return parts
}

// keepNew has a list kept that came after the start, before anything is held against it: a reply that was taken under a
// list which nobody can show later is not proven.
func (t *Trust) keepNew(path string, parts [][]byte) error {
	m := t.used["crl "+path]
	if t.opts.Taken == nil || m == nil || len(m.Parts) == 0 {
		return nil // the start keeps all that it reads at once
	}
	fresh := *m
	fresh.Parts = parts
	return t.opts.Taken(false, []Material{fresh})
}

// Verifier judges one bank's signatures.
type Verifier struct {
	trust  *Trust
	policy *cms.Policy
	lists  []string
}

// Verifier returns what judges a bank's signatures by the CRLs as they lie on the disk at that moment.
func (t *Trust) Verifier(b *banks.Bank) *Verifier {
	return &Verifier{t, t.policies[b.BIC], b.Trust.CRLs}
}

// Verify judges a signature as of the time of receipt. A CRL file that cannot be read, perhaps because it is being
// replaced, leaves the last one in force; when that one is stale the verdict is unchecked.
func (v *Verifier) Verify(content, sig []byte, at time.Time) cms.Verdict {
	if v.policy == nil {
		return (&cms.Policy{}).Verify(content, sig, at)
	}
	if len(v.lists) > 0 {
		v.trust.refresh(v.lists)
		defer v.trust.keep()
	}
	return v.policy.Verify(content, sig, at)
}

func (t *Trust) refresh(lists []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, path := range lists {
		if _, err := t.readList(path); err != nil {
			t.warn("a CRL file cannot be read; the last one stays in force", err)
		}
	}
}

// keep writes the floors when one rose: the number must be on the disk before anybody acts on the verdict.
func (t *Trust) keep() {
	if !t.opts.Keep {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	floors := t.known.Floors()
	if maps.Equal(floors, t.kept) {
		return
	}
	text, err := json.MarshalIndent(floors, "", "  ")
	if err == nil {
		// A crash before this leaves the numbers of the run before: a list older than the last one could pass once more.
		err = durable.Replace(t.opts.Floors, append(text, '\n'), 0o640)
	}
	if err != nil {
		t.warn("the highest CRL numbers cannot be kept; after a restart an older CRL could be taken", err)
		return
	}
	t.kept = floors
}

func (t *Trust) readFloors() error {
	data, err := os.ReadFile(t.opts.Floors)
	// Who only looks need not be of the group that may read the state folder.
	if errors.Is(err, fs.ErrNotExist) || !t.opts.Keep && errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read CRL numbers: %w", err)
	}
	if err := json.Unmarshal(data, &t.kept); err != nil {
		return fmt.Errorf("read CRL numbers %s: %w; delete the file only when every CRL is known to be the newest", t.opts.Floors, err)
	}
	if err := t.known.SetFloors(t.kept); err != nil {
		return fmt.Errorf("read CRL numbers %s: %w", t.opts.Floors, err)
	}
	return nil
}

func (t *Trust) warn(text string, err error) {
	if t.opts.Log != nil {
		t.opts.Log.Warn(text, slog.String("error", err.Error()))
	}
}

// Others are the banks whose signatures can be told from b's.
func (t *Trust) Others(r *banks.Registry, b *banks.Bank) []*banks.Bank {
	var list []*banks.Bank
	for _, other := range r.All() {
		if other.BIC != b.BIC && t.Knows(other.BIC) {
			list = append(list, other)
		}
	}
	return list
}

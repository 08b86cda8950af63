package evidence

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bankconnector/connector/evidence/note"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
	"bankconnector/crypto/pki"
)

//go:embed texts/check.sh
var checkScript string

//go:embed texts/readme.ru.txt
var readmeRU string

//go:embed texts/readme.en.txt
var readmeEN string

// Case is what evidence is taken from.
type Case struct {
	Book         *journal.Book
	Store        *spool.Store
	Checkpoints  []string // files, the same notes in each
	Key          ed25519.PublicKey
	Certificates []*pki.Certificate
	Temp         string // folder for what is being made; "" = the system's
}

// ErrUncovered reports events that no checkpoint confirms yet.
var ErrUncovered = errors.New("no checkpoint covers the document's last events yet: wait a minute, or until the program has ended")

// Pack writes the archive that proves one exchange to a stranger: documents, signatures,
// certificates, events with the stretch of the chain that leads to a signed head, and how
// to check it all without this program.
func (c Case) Pack(ctx context.Context, id int64, w io.Writer) error {
	p := &pack{Case: c, zip: zip.NewWriter(w), found: newBench(Inquiry{Store: c.Store, Certificates: c.Certificates}), need: make(map[string]bool)}
	if err := p.all(ctx, id); err != nil {
		return fmt.Errorf("evidence for %d: %w", id, err)
	}
	return nil
}

// PackFile writes the archive to a new file.
func (c Case) PackFile(ctx context.Context, id int64, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write evidence: %w", err)
	}
	// A crash here leaves half a file, which no ZIP tool opens.
	if err := errors.Join(c.Pack(ctx, id, f), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// pack is an archive being written.
type pack struct {
	Case
	zip   *zip.Writer
	sums  bytes.Buffer
	found *bench          // certificates by fingerprint
	need  map[string]bool // fingerprints
}

func (p *pack) add(name string, data []byte) error {
	w, err := p.zip.Create(name)
	if err != nil {
		return err
	}
	fmt.Fprintf(&p.sums, "%s  %s\n", spool.Digest(data), name)
	_, err = w.Write(data)
	return err
}

func (p *pack) all(ctx context.Context, id int64) error {
	x, err := p.Book.Exchange(ctx, id)
	if err != nil {
		return err
	}
	if x.FileSHA256 == "" {
		return fmt.Errorf("it is %s: nothing was sent", x.State)
	}
	row, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		return err
	}
	title := fmt.Sprintf("%s %s %s, %s, %s", x.Kind, x.Code, x.InternalKey, x.Bank, x.State)
	for name, text := range map[string]string{
		"README.ru.txt": fmt.Sprintf(readmeRU, title, id), "README.en.txt": fmt.Sprintf(readmeEN, title, id),
		"check.sh": checkScript, "exchange.json": string(row) + "\n",
	} {
		if err := p.add(name, []byte(text)); err != nil {
			return err
		}
	}
	for _, step := range []func() error{
		func() error { return p.documents(ctx, x) },
		func() error { return p.certificates() },
		func() error { return p.chain(ctx, id) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	if err := p.add("SHA256SUMS", p.sums.Bytes()); err != nil {
		return err
	}
	return p.zip.Close()
}

// documents packs what the office left, what was sent and what came.
func (p *pack) documents(ctx context.Context, x journal.Exchange) error {
	sources, err := p.Book.Sources(ctx, x.ID)
	if err != nil {
		return err
	}
	digests := []string{x.SourceSHA256}
	for _, s := range sources {
		digests = append(digests, s.SHA256)
	}
	slices.Sort(digests)
	for _, digest := range slices.Compact(digests) {
		if err := p.stored(ctx, "office/"+digest, digest); err != nil {
			return err
		}
	}
	receipts, files, err := p.Book.Belonging(ctx, x.ID)
	if err != nil {
		return err
	}
	for _, sent := range append([]journal.Exchange{x}, receipts...) {
		if sent.FileSHA256 == "" {
			continue // a receipt that is not sealed yet
		}
		if err := p.envelope(ctx, fmt.Sprintf("sent/%d.zip", sent.ID), sent.FileSHA256, sent.Signer); err != nil {
			return err
		}
	}
	for _, f := range files {
		name := fmt.Sprintf("received/%d.zip", f.ID)
		if f.Verdict != "valid" {
			name = fmt.Sprintf("received/%d.not-valid", f.ID)
		}
		if err := p.envelope(ctx, name, f.SHA256, f.Signer); err != nil {
			return err
		}
	}
	return nil
}

func (p *pack) stored(ctx context.Context, name, digest string) error {
	if digest == "" {
		return nil
	}
	data, err := p.Store.Get(ctx, digest)
	if err != nil {
		return err
	}
	return p.add(name, data)
}

// envelope packs an envelope and remembers who signed it.
func (p *pack) envelope(ctx context.Context, name, digest, signer string) error {
	data, err := p.Store.Get(ctx, digest)
	if err != nil {
		return err
	}
	if err := p.add(name, data); err != nil || !strings.HasSuffix(name, ".zip") {
		return err
	}
	print := claim{signer: signer}.fingerprint()
	list, err := signed(data)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, s := range list {
		p.found.take(print, s.sig)
	}
	p.need[print] = true
	return nil
}

func (p *pack) certificates() error {
	for print := range p.need {
		policy := p.found.policy[print]
		if policy == nil {
			return fmt.Errorf("no certificate %s: give it with --signer", print)
		}
		if err := p.add("certificates/"+print+".pem", pki.MarshalCertificate(policy.Signers[0].Certificate)); err != nil {
			return err
		}
	}
	return nil
}

// chain packs the events of the exchange, each with those that lead from it to the next
// checkpoint, and the checkpoints.
func (p *pack) chain(ctx context.Context, id int64) (err error) {
	seqs, err := p.Book.About(ctx, id)
	if err != nil {
		return err
	}
	stretches, notes, err := p.cover(seqs)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(p.Temp, "evidence-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "events.db")
	if err := p.Book.Excerpt(ctx, path, stretches); err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := p.add("events.db", data); err != nil {
		return err
	}
	public, err := note.MarshalPublic(p.Key)
	if err != nil {
		return err
	}
	if err := p.add("checkpoint.pub", public); err != nil {
		return err
	}
	for _, n := range notes {
		if err := p.checkpoint(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (p *pack) checkpoint(ctx context.Context, n note.Signed) error {
	if err := extends(ctx, p.Book, n.Checkpoint); err != nil {
		return fmt.Errorf("%w: %w", ErrWitness, err)
	}
	text, sig, err := n.Parts(p.Key)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("checkpoints/%d", n.Seq)
	return errors.Join(p.add(name+".note", []byte(n.Raw)), p.add(name+".text", text), p.add(name+".sig", sig))
}

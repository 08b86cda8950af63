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
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"bankconnector/connector/evidence/asic"
	"bankconnector/connector/evidence/note"
	"bankconnector/connector/journal"
	"bankconnector/connector/journal/volume"
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
	Stamps       Stamps // of checkpoints
	Temp         string // folder for what is being made; "" = the system's

	// Sign makes the container's signature, detached CAdES in DER; nil: a plain ZIP is made, nothing is signed.
	Sign func(content []byte) ([]byte, error)
}

// ErrUncovered reports events that no checkpoint confirms yet.
var ErrUncovered = errors.New("no checkpoint covers the document's last events yet: wait a minute, or until the program has ended")

// Pack writes the archive that proves one exchange to a stranger: documents, signatures,
// certificates with chains and lists as of then, events with the stretch of the chain that
// leads to a signed head, and how to check it all without this program.
func (c Case) Pack(ctx context.Context, id int64, w io.Writer) error {
	p := &pack{Case: c, found: newBench(Inquiry{Store: c.Store, Certificates: c.Certificates}), packed: make(map[string]*pki.Certificate), named: make(map[int64]bool)}
	if err := p.begin(w); err != nil {
		return err
	}
	err := p.all(ctx, id)
	if errors.Is(err, fs.ErrNotExist) {
		if gone, e := c.Book.Discarded(ctx); e == nil && len(gone) > 0 {
			err = fmt.Errorf("%w; documents were %w: view discarded", err, volume.ErrRetired)
		}
	}
	if err != nil {
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
	put    func(name string, data []byte) error
	finish func() error
	sums   bytes.Buffer
	found  *bench // certificates by fingerprint
	packed map[string]*pki.Certificate
	named  map[int64]bool // events that name what was relied on; true when the archive needs them
}

// begin opens a container when it can be signed, a plain ZIP otherwise.
func (p *pack) begin(w io.Writer) error {
	if p.Sign != nil {
		c, err := asic.NewWriter(w)
		if err == nil {
			p.put, p.finish = c.Add, func() error { return c.Close(p.Sign) }
		}
		return err
	}
	z := zip.NewWriter(w)
	p.put, p.finish = func(name string, data []byte) error {
		entry, err := z.Create(name)
		if err == nil {
			_, err = entry.Write(data)
		}
		return err
	}, z.Close
	return nil
}

func (p *pack) add(name string, data []byte) error {
	fmt.Fprintf(&p.sums, "%s  %s\n", spool.Digest(data), name)
	return p.put(name, data)
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
	for _, f := range []file{
		{"README.ru.txt", readme(readmeRU, title, id)},
		{"README.en.txt", readme(readmeEN, title, id)},
		{"check.sh", []byte(checkScript)},
		{"exchange.json", append(row, '\n')},
	} {
		if err := p.add(f.name, f.data); err != nil {
			return err
		}
	}
	if err := errors.Join(p.documents(ctx, x), ctx.Err()); err != nil {
		return err
	}
	if err := p.proof(ctx, id); err != nil {
		return err
	}
	if err := p.put("SHA256SUMS", p.sums.Bytes()); err != nil {
		return err
	}
	return p.finish()
}

// readme puts the steps of the script into the text that explains them, so that there is
// one check and not two.
func readme(text, title string, id int64) []byte {
	parts := strings.Split(checkScript, "\n#: ")
	fill := []string{"@title@", title, "@id@", strconv.FormatInt(id, 10)}
	for _, step := range parts[1:] {
		number, lines, _ := strings.Cut(step, "\n")
		fill = append(fill, "@"+number+"@", "    "+strings.ReplaceAll(strings.TrimSuffix(lines, "\n"), "\n", "\n    "))
	}
	return []byte(strings.NewReplacer(fill...).Replace(text))
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
		if sent.FileSHA256 == "" || sent.SealedAt == nil {
			continue // a receipt that is not sealed yet
		}
		e := enclosure{fmt.Sprintf("sent/%d", sent.ID), sent.FileSHA256, sent.Signer, sent.Bank, *sent.SealedAt}
		if err := p.envelope(ctx, e); err != nil {
			return err
		}
	}
	for _, f := range files {
		name := fmt.Sprintf("received/%d", f.ID)
		if f.Verdict != "valid" || f.SettledAt == nil {
			if err := p.stored(ctx, name+".not-valid", f.SHA256); err != nil {
				return err
			}
			continue
		}
		if err := p.envelope(ctx, enclosure{name, f.SHA256, f.Signer, f.Bank, *f.SettledAt}); err != nil {
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

// enclosure is one envelope with a good signature.
type enclosure struct {
	name, digest, signer, bank string

	at time.Time // when it was sealed or settled
}

// envelope packs an envelope, the certificate of who signed it, and what proved it then.
func (p *pack) envelope(ctx context.Context, e enclosure) error {
	data, err := p.Store.Get(ctx, e.digest)
	if err != nil {
		return err
	}
	if err := p.add(e.name+".zip", data); err != nil {
		return err
	}
	print := claim{signer: e.signer}.fingerprint()
	cert, err := p.certificate(ctx, print, data)
	if err != nil {
		return fmt.Errorf("%s: %w", e.name, err)
	}
	was, err := relied(ctx, p.Book, e.bank, e.at)
	if err != nil {
		return err
	}
	links, err := p.chain(ctx, was, cert, e.at)
	if err != nil && strings.HasPrefix(e.name, "received/") {
		return fmt.Errorf("%s: %w", e.name, err)
	}
	for _, f := range links { // a bank's authority need not be ours as well
		if err := p.add("chains/"+e.name+"/"+f.name, f.data); err != nil {
			return err
		}
	}
	for _, seq := range was.events {
		p.named[seq] = len(links) > 0 || p.named[seq]
	}
	return nil
}

// certificate packs a certificate once: kept when it was relied on, or given, or from the
// signature.
func (p *pack) certificate(ctx context.Context, print string, data []byte) (*pki.Certificate, error) {
	known := p.packed[print]
	if known != nil {
		return known, nil
	}
	raw, err := p.Store.Get(ctx, print)
	if err == nil {
		known, err = pki.ParseCertificate(raw)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if known == nil {
		var list []signature
		if list, err = signed(data); err != nil {
			return nil, err
		}
		for _, s := range list {
			if policy := p.found.take(print, s.sig); policy != nil {
				known = policy.Signers[0].Certificate
			}
		}
	}
	if known == nil {
		return nil, errors.Join(fmt.Errorf("no certificate %s: neither kept, nor in the configuration, nor in the signature", print), err)
	}
	p.packed[print] = known
	return known, p.add("certificates/"+print+".pem", pki.MarshalCertificate(known))
}

// proof packs the events of the exchange, each with those that lead from it to the next
// checkpoint, and the checkpoints.
func (p *pack) proof(ctx context.Context, id int64) (err error) {
	seqs, err := p.Book.About(ctx, id)
	if err != nil {
		return err
	}
	for seq, needed := range p.named {
		if needed {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	seqs = slices.Compact(seqs)
	stretches, notes, err := p.cover(seqs)
	if err != nil {
		return err
	}
	stretches, notes, stamped, err := p.date(seqs[len(seqs)-1], stretches, notes)
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
	return p.stamped(stamped)
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

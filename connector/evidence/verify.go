package evidence

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"bankconnector/connector/evidence/note"
	"bankconnector/connector/evidence/removed"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
	"bankconnector/crypto/pki"
)

// Inquiry is what a journal is held against. Only Path is required; what is not given is
// not checked, and the verdict says so by its numbers.
type Inquiry struct {
	Path         string              // of the journal, live or a copy
	Archives     string              // folder of its archives; "" = archive, beside the journal
	Store        *spool.Store        // its documents
	Checkpoints  []string            // files of signed heads, best from outside
	Keys         []ed25519.PublicKey // that sign them
	Certificates []*pki.Certificate  // that the auditor knows by himself
	Stamps       Stamps              // of checkpoints
	Adopted      []string            // hashes of events book.adopted that the auditor knows of
	Quick        bool                // only the chain and the checkpoints
	Temp         string              // for the tables that are rebuilt; "" = the system's
}

// Findings is the verdict. FirstBad is the first event that is wrong or missing.
type Findings struct {
	journal.VerifyReport
	Checkpoints int64    `json:"checkpoints"`         // signed ones, all on the chain
	Unsigned    int64    `json:"unsigned,omitempty"`  // lines of those files that no key signed, such as half a note
	Signatures  int64    `json:"signatures"`          // verified anew, as of the time of receipt
	Unvouched   []string `json:"unvouched,omitempty"` // certificates, by fingerprint, that nobody gave: they are those that the journal names
	Numbers     int64    `json:"numbers"`             // of envelopes, without a gap in any stream

	Stamps  int64     `json:"stamps,omitempty"` // time stamps of checkpoints on the chain, verified anew
	Stamped time.Time `json:"stamped,omitzero"` // the newest of them
}

const maxProblems = 50

func (f *Findings) problem(format string, args ...any) {
	f.OK = false
	if len(f.Problems) >= maxProblems {
		f.Further++
		return
	}
	f.Problems = append(f.Problems, fmt.Sprintf(format, args...))
}

// Verify judges a journal with nothing but files: the chain and its tables, the
// checkpoints, every stored document, the numbers of every stream, every signature as of
// the time at which it counted. Memory does not grow with the journal. The error is for
// what kept it from looking.
func Verify(ctx context.Context, q Inquiry) (Findings, error) {
	var f Findings
	o := journal.VerifyOptions{Temp: q.Temp, Archives: q.Archives, ChainOnly: q.Quick, Adopted: q.Adopted}
	gone := &removed.List{}
	defer gone.Close()
	if q.Store != nil && !q.Quick {
		o.Store = func(digest string) error { return gone.Told(digest, q.Store.Check(ctx, digest)) }
		o.Removed = func(indexes map[string]string) (err error) {
			gone.Of, err = q.Store.Removed(ctx, indexes)
			return err
		}
	}
	w := &witnesses{q: q}
	if len(q.Checkpoints) > 0 || q.Stamps.Authority != nil {
		o.Checkpoints = w.all
	}
	asked := Findings{VerifyReport: journal.VerifyReport{OK: true}}
	o.Further = func(db *sql.DB) error {
		if err := asked.numbers(ctx, db); err != nil || q.Store == nil {
			return err
		}
		return asked.signatures(ctx, db, q, gone)
	}
	if q.Quick {
		o.Further = nil
	}
	var err error
	if f.VerifyReport, err = journal.Verify(ctx, q.Path, o); err == nil {
		err = w.err
	}
	if err != nil {
		return f, err
	}
	f.Checkpoints, f.Unsigned = w.signed, w.unsigned
	f.Signatures, f.Unvouched, f.Numbers = asked.Signatures, asked.Unvouched, asked.Numbers
	for _, p := range asked.Problems {
		f.problem("%s", p)
	}
	f.Further += asked.Further
	f.Stamps, f.Stamped = w.stamped, w.newest
	for _, p := range w.problems {
		f.problem("%s", p)
	}
	if len(q.Checkpoints) > 0 && w.signed == 0 {
		f.problem("no checkpoint is signed by a given key")
	}
	return f, nil
}

// witnesses reads files of checkpoints.
type witnesses struct {
	q                Inquiry
	signed, unsigned int64
	stamped          int64
	newest           time.Time // of time stamps
	problems         []string
	err              error
}

var errEnough = errors.New("nobody asks any more")

// all yields every checkpoint that a key signed, and those with time stamps.
func (w *witnesses) all(yield func(int64, string) bool) {
	for _, path := range w.q.Checkpoints {
		if w.err = w.file(path, yield); w.err != nil {
			return
		}
	}
	w.err = w.stamps(yield)
}

func (w *witnesses) file(path string, yield func(int64, string) bool) error {
	r, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read checkpoints: %w", err)
	}
	defer r.Close()
	torn, err := note.Each(r, func(s note.Signed) error {
		if s.Verify(w.q.Keys) != nil {
			w.unsigned++
			return nil
		}
		w.signed++
		if !yield(s.Seq, s.Hash) {
			return errEnough
		}
		return nil
	})
	w.unsigned += int64(torn)
	if errors.Is(err, errEnough) {
		err = nil
	}
	return err
}

// Text is the verdict for a person, in "ru" or "en".
func (f Findings) Text(lang string) string {
	adopted := "  a person went on with a restored journal (give the hash by --adopted if you know of it): %s\n"
	sound, broken, counts, unvouched := "%s is sound: %d events, head %s\n", "%s is NOT sound; first bad event %d\n",
		"checkpoints %d, the newest at event %d; rows rebuilt %d; stored files %d; signatures %d; numbers of envelopes %d\n",
		"  certificate named by the journal alone, not given: %s\n"
	if lang == "ru" {
		adopted = "  человек продолжил восстановленный журнал (если вам это известно, укажите хэш в --adopted): %s\n"
		sound, broken, counts, unvouched = "%s цел: событий %d, последний хэш %s\n", "%s НЕ цел; первое плохое событие %d\n",
			"контрольных точек %d, последняя на событии %d; строк восстановлено %d; хранимых файлов %d; подписей %d; номеров конвертов %d\n",
			"  сертификат известен только из журнала, отдельно не дан: %s\n"
	}
	var b strings.Builder
	if f.OK {
		fmt.Fprintf(&b, sound, f.Path, f.Events, f.Head)
	} else {
		fmt.Fprintf(&b, broken, f.Path, f.FirstBad)
	}
	fmt.Fprintf(&b, counts, f.Checkpoints, f.Witnessed, f.Rows, f.Digests, f.Signatures, f.Numbers)
	b.WriteString(f.Aged(lang))
	b.WriteString(f.stampText(lang))
	for _, print := range f.Unvouched {
		fmt.Fprintf(&b, unvouched, print)
	}
	for _, a := range f.Adoptions {
		fmt.Fprintf(&b, adopted, a)
	}
	for _, p := range f.Problems {
		fmt.Fprintf(&b, "  %s\n", p)
	}
	return b.String()
}

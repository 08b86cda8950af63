package crash_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bankconnector/banks/rehearsal"
	"bankconnector/connector/spool"
)

// books holds what the program says it did against what the banks got and gave. The world is quiet.
func (w *world) books() error {
	out, err := exec.Command(w.program, "journal", "verify", "-c", w.config()).CombinedOutput()
	if err != nil {
		return fmt.Errorf("journal verify: %w\n%s", err, out)
	}
	b, err := w.journal()
	if err != nil {
		return err
	}
	defer b.Close()
	var faults []error
	for _, bic := range w.bics() {
		faults = append(faults, w.booksOf(b.DB(), bic))
	}
	for _, dir := range []string{"office/in", "state/quarantine"} {
		if left := files(filepath.Join(w.dir, "disk", dir)); len(left) > 0 {
			faults = append(faults, fmt.Errorf("left in %s: %v", dir, left))
		}
	}
	return errors.Join(faults...)
}

func (w *world) booksOf(db *sql.DB, bic string) error {
	received, err := rehearsal.ReadLedger(w.bank(bic, "received.jsonl"))
	if err != nil {
		return err
	}
	receipts, err := rehearsal.ReadLedger(w.bank(bic, "receipts.jsonl"))
	if err != nil {
		return err
	}
	sent, err := w.sent(bic)
	if err != nil {
		return err
	}
	return errors.Join(
		w.documents(db, bic, received),
		w.replies(db, bic, sent),
		w.acknowledged(db, bic, receipts, sent),
		w.handedOver(bic, sent),
	)
}

func (w *world) bank(bic, name string) string { return filepath.Join(w.dir, "banks", bic, name) }

// documents: the bank got each of its documents once, as the journal says, and nothing else.
func (w *world) documents(db *sql.DB, bic string, received []rehearsal.Received) error {
	var got []string
	for _, l := range received {
		if l.Verdict != "accepted" || l.Duplicate {
			return fmt.Errorf("bank %s did not accept %s: %+v", bic, l.File, l)
		}
		got = append(got, l.InternalKey+" "+l.File+" "+l.SHA256)
	}
	var want []string
	for key, addressee := range w.keys {
		if addressee == bic {
			want = append(want, key)
		}
	}
	said, err := list(db, `SELECT internal_key || ' ' || file_name || ' ' || file_sha256 FROM exchange
		WHERE class = 'office' AND bank = ? AND state IN ('Closed', 'Answered') AND delivered_at IS NOT NULL`, bic)
	if err != nil {
		return err
	}
	for i := range want { // every key of the office's, once
		if n := slices.IndexFunc(got, func(g string) bool { return strings.HasPrefix(g, want[i]+" ") }); n < 0 {
			return fmt.Errorf("bank %s never got document %s", bic, want[i])
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("bank %s got %d documents, the office left %d for it: %v", bic, len(got), len(want), got)
	}
	return same("documents of bank "+bic+": the bank, the journal", got, said)
}

// replies: what the bank sent came in, each once.
func (w *world) replies(db *sql.DB, bic string, sent []parting) error {
	var gave []string
	for _, p := range sent {
		gave = append(gave, p.File+" "+p.SHA256)
	}
	took, err := list(db, `SELECT name || ' ' || sha256 FROM arrival
		WHERE bank = ? AND outcome = 'matched' AND handed_at IS NOT NULL AND cleaned_at IS NOT NULL`, bic)
	if err != nil {
		return err
	}
	all, err := list(db, `SELECT name || ' ' || sha256 FROM arrival WHERE bank = ?`, bic)
	if err != nil {
		return err
	}
	return errors.Join(same("replies of bank "+bic+": sent, matched", gave, took), same("files of bank "+bic+": sent, taken", gave, all))
}

// acknowledged: the bank got our receipt for each of its documents, once.
func (w *world) acknowledged(db *sql.DB, bic string, receipts []rehearsal.Received, sent []parting) error {
	var got, want []string
	for _, l := range receipts {
		if l.Verdict != "accepted" || l.Duplicate {
			return fmt.Errorf("bank %s did not accept our receipt %s: %+v", bic, l.File, l)
		}
		got = append(got, l.InternalKey)
	}
	for _, p := range sent {
		if p.Kind != "receipt" {
			want = append(want, p.Key)
		}
	}
	files := make([]string, len(receipts))
	for i, l := range receipts {
		files[i] = l.File + " " + l.SHA256
	}
	said, err := list(db, `SELECT file_name || ' ' || file_sha256 FROM exchange WHERE class = 'receipt' AND bank = ? AND state = 'Closed'`, bic)
	return errors.Join(err, same("our receipts at bank "+bic, got, want), same("our receipts: bank "+bic+", the journal", files, said))
}

// handedOver: the office has the verdict about each file of the bank, once, and the file itself.
func (w *world) handedOver(bic string, sent []parting) error {
	var got, want []string
	for _, path := range files(filepath.Join(w.dir, "disk", "office", "out", bic)) {
		if strings.HasPrefix(filepath.Base(path), ".") { // a temp of an interrupted hand-over: hidden, and swept some day
			continue
		}
		if stem, ok := strings.CutSuffix(filepath.Base(path), ".json"); ok {
			got = append(got, stem)
		}
	}
	for _, p := range sent {
		want = append(want, strings.TrimSuffix(p.File, ".zip"))
	}
	return same("outbox of the office for bank "+bic, got, want)
}

// trueSoFar: whatever the journal calls delivered is at the bank, and what it calls handed over is
// at the office, right after the stroke, before anybody could mend it.
func (w *world) trueSoFar() error {
	b, err := w.journal()
	if err != nil {
		return nil //nolint:nilerr // killed before there was a journal: nothing is claimed
	}
	defer b.Close()
	var faults []error
	for _, bic := range w.bics() {
		there := map[string]bool{}
		for _, path := range append(w.toBank(bic), files(w.bank(bic, "archive"))...) {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			there[spool.Digest(data)] = true
		}
		said, err := list(b.DB(), `SELECT file_sha256 FROM exchange WHERE bank = ? AND delivered_at IS NOT NULL`, bic)
		if err != nil {
			return err
		}
		for _, digest := range said {
			if !there[digest] {
				faults = append(faults, fmt.Errorf("bank %s: the journal says that %s was delivered, and it is not there", bic, digest))
			}
		}
		handed, err := list(b.DB(), `SELECT name FROM arrival WHERE bank = ? AND handed_at IS NOT NULL AND outcome = 'matched'`, bic)
		if err != nil {
			return err
		}
		for _, name := range handed {
			if _, err := os.Stat(filepath.Join(w.dir, "disk", "office", "out", bic, strings.TrimSuffix(name, ".zip")+".json")); err != nil {
				faults = append(faults, fmt.Errorf("the journal says that %s was handed over: %w", name, err))
			}
		}
	}
	return errors.Join(faults...)
}

// lastWord: a program that gave its ballast up used the room to write why, and said "try again".
func (w *world) lastWord(exit int) error {
	b, err := w.journal()
	if err != nil {
		return err
	}
	defer b.Close()
	said, err := list(b.DB(), `SELECT body FROM event WHERE kind = 'alarm.disk'`)
	if err == nil && (len(said) != 1 || exit != 75) {
		err = fmt.Errorf("the ballast is gone; exit %d, the journal says %q", exit, said)
	}
	return err
}

// parting is a line of a bank's sent.jsonl: a reply.
type parting struct{ File, SHA256, Kind, Key string }

func (w *world) sent(bic string) ([]parting, error) {
	f, err := os.Open(w.bank(bic, "sent.jsonl"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []parting
	for in := bufio.NewScanner(f); in.Scan(); {
		var p parting
		if err := json.Unmarshal(in.Bytes(), &p); err != nil {
			return nil, err
		}
		lines = append(lines, p)
	}
	return lines, nil
}

// list reads a column.
func list(db *sql.DB, query string, args ...any) ([]string, error) {
	rows, err := db.QueryContext(context.Background(), query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// same compares two lists as bags.
func same(what string, a, b []string) error {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	if slices.Equal(a, b) {
		return nil
	}
	return fmt.Errorf("%s:\n%s\n%s", what, strings.Join(a, "\n"), strings.Join(b, "\n"))
}

// everythingDone: a visit that ended with exit 0 left nothing that it could have done.
func (w *world) everythingDone() error {
	b, err := w.journal()
	if err != nil {
		return err
	}
	defer b.Close()
	waiting, err := list(b.DB(), `SELECT internal_key || ' ' || state FROM exchange WHERE state IN ('Accepted', 'Sealed', 'Sending', 'Ambiguous')
		UNION ALL SELECT name || ' not settled' FROM arrival WHERE handed_at IS NULL OR cleaned_at IS NULL`)
	if err != nil {
		return err
	}
	for _, bic := range w.bics() {
		waiting = append(waiting, w.fromBank(bic)...)
	}
	if waiting = append(waiting, files(filepath.Join(w.dir, "disk", "office", "in"))...); len(waiting) > 0 {
		return fmt.Errorf("it ended with exit 0, and there waits: %s", strings.Join(waiting, ", "))
	}
	return nil
}

// seesViolations: each way in which books may be wrong is found in a world whose books are right.
func (s *stage) seesViolations(t *testing.T) {
	t.Helper()
	first := &world{stage: s, dir: filepath.Join(s.home, "first")}
	one, other := first.bics()[0], first.bics()[1]
	office := filepath.Join("disk", "office")
	for name, spoil := range map[string]func(w *world) error{
		"a document lost":     func(w *world) error { return cutLine(w.bank(one, "received.jsonl"), 0) },
		"a document doubled":  func(w *world) error { return doubleLine(w.bank(one, "received.jsonl")) },
		"a reply lost":        func(w *world) error { return doubleLine(w.bank(other, "sent.jsonl")) },
		"a reply from nobody": func(w *world) error { return cutLine(w.bank(other, "sent.jsonl"), 1) },
		"a receipt lost":      func(w *world) error { return cutLine(w.bank(other, "receipts.jsonl"), 0) },
		"a receipt doubled":   func(w *world) error { return doubleLine(w.bank(other, "receipts.jsonl")) },
		"at another bank": func(w *world) error {
			return os.Rename(w.bank(one, "received.jsonl"), w.bank(other, "received.jsonl"))
		},
		"forgotten at the office": func(w *world) error {
			return os.WriteFile(filepath.Join(w.dir, office, "in", one, "piev_1.xml"), nil, 0o600)
		},
		"not handed over": func(w *world) error {
			return os.Remove(files(filepath.Join(w.dir, office, "out", one))[0])
		},
		"a stored document gone": func(w *world) error {
			return os.Remove(files(filepath.Join(w.dir, "disk", "state", "store"))[0])
		},
	} {
		w := &world{stage: s, dir: filepath.Join(s.home, "spoilt")}
		must(t, copyTree(first.dir, w.dir))
		must(t, spoil(w))
		if err := w.books(); err == nil {
			t.Errorf("%s: the books look right", name)
		}
		w.remove()
	}
}

func cutLine(path string, n int) error {
	return changeLines(path, func(lines []string) []string { return slices.Delete(lines, n, n+1) })
}

func doubleLine(path string) error {
	return changeLines(path, func(lines []string) []string { return append(lines[:1], lines...) })
}

func changeLines(path string, change func([]string) []string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.Join(change(strings.SplitAfter(string(data), "\n")), "")), 0o600)
}

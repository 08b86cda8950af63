package journal

import (
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// numbered settles a file that the bank's manifest gives a number.
func (d *desk) numbered(t *testing.T, name string, seq int64) {
	t.Helper()
	s := matched(1, "key "+name, "content "+name)
	s.Stream, s.Seq = "documents", seq
	if err := d.settle(t, d.receive(t, bankA, name), s); err != nil {
		t.Fatal(err)
	}
}

func (d *desk) gaps(t *testing.T) (out []string) {
	t.Helper()
	out = []string{}
	rows, err := d.DB().QueryContext(t.Context(), `SELECT first || '-' || last || CASE WHEN told_at IS NULL THEN '' ELSE ' told' END FROM gaps ORDER BY first`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var g string
		if err := rows.Scan(&g); err != nil {
			t.Fatal(err)
		}
		out = append(out, g)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestGapsOfABanksNumbers: whatever the order in which a bank's numbers come, what is missing
// is what is missing, and a late number takes itself out of it.
func TestGapsOfABanksNumbers(t *testing.T) {
	d := newDesk(t)
	d.bring(t, "order", "k1", Confirmed)
	for _, step := range []struct {
		seq  int64
		want []string
	}{
		{3, []string{"1-2"}},
		{4, []string{"1-2"}},
		{9, []string{"1-2", "5-8"}},
		{6, []string{"1-2", "5-5", "7-8"}},
		{1, []string{"2-2", "5-5", "7-8"}},
		{8, []string{"2-2", "5-5", "7-7"}},
		{1 << 60, []string{"2-2", "5-5", "7-7", "10-1152921504606846975"}},
		{2, []string{"5-5", "7-7", "10-1152921504606846975"}},
		{6, []string{"5-5", "7-7", "10-1152921504606846975"}},
	} {
		d.numbered(t, strings.Repeat("n", len(step.want))+time.Duration(step.seq).String()+"x"+sum(strings.Join(step.want, ""))[:4], step.seq)
		if got := d.gaps(t); !slices.Equal(got, step.want) {
			t.Errorf("after number %d: %v, want %v", step.seq, got, step.want)
		}
	}
	d.proven(t)
}

// TestGapIsToldOnce: what people were told of is not told again, and a gap that changed under
// their eyes is another one.
func TestGapIsToldOnce(t *testing.T) {
	d := newDesk(t)
	d.bring(t, "order", "k1", Confirmed)
	d.numbered(t, "one", 1)
	d.numbered(t, "five", 5)
	list, err := d.Gaps(t.Context(), d.clock.now().Add(time.Minute))
	if err != nil || len(list) != 1 || list[0].First != 2 || list[0].Last != 4 || list[0].Bank != bankA {
		t.Fatalf("gaps %+v, %v", list, err)
	}
	if early, err := d.Gaps(t.Context(), list[0].Since); err != nil || len(early) != 0 {
		t.Errorf("before it was there: %+v, %v", early, err)
	}
	d.do(t, func(tx *Tx) error { return tx.Missed(list[0]) })
	if err := d.Write(t.Context(), "daemon", func(tx *Tx) error { return tx.Missed(list[0]) }); !errors.Is(err, ErrStale) {
		t.Errorf("told twice: %v", err)
	}
	d.numbered(t, "three", 3)
	if got := d.gaps(t); !slices.Equal(got, []string{"2-2 told", "4-4 told"}) {
		t.Errorf("what is left of a gap that was told: %v", got)
	}
	if again, err := d.Gaps(t.Context(), d.clock.now().Add(time.Minute)); err != nil || len(again) != 0 {
		t.Errorf("is to be told again: %+v, %v", again, err)
	}
	d.proven(t)
}

// TestStreamWithoutABeginning: a bank that left replies without numbers may begin anywhere;
// what comes before that later is late, and what lies between is missing.
func TestStreamWithoutABeginning(t *testing.T) {
	d := newDesk(t)
	d.bring(t, "order", "k1", Confirmed)
	if err := d.settle(t, d.receive(t, bankA, "bare"), matched(1, "bare", "bare")); err != nil {
		t.Fatal(err)
	}
	d.numbered(t, "forty", 40)
	if got := d.gaps(t); len(got) != 0 {
		t.Errorf("gaps %v before a beginning that nobody knows", got)
	}
	d.numbered(t, "thirty-eight", 38)
	if got := d.gaps(t); !slices.Equal(got, []string{"39-39"}) {
		t.Errorf("gaps %v", got)
	}
	d.proven(t)
}

func TestNumberWithoutAStream(t *testing.T) {
	d := newDesk(t)
	d.bring(t, "order", "k1", Confirmed)
	s := matched(1, "a", "a")
	s.Seq = 4
	if err := d.settle(t, d.receive(t, bankA, "a"), s); err == nil {
		t.Error("was settled")
	}
}

// TestJournalOfVersion3 proves a journal that the program wrote before it kept numbers: as it
// lies there, and again when this program has brought it forward and gone on with it.
func TestJournalOfVersion3(t *testing.T) {
	packed, err := os.Open("testdata/version3.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	in, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "journal.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	prove := func() VerifyReport {
		t.Helper()
		r, err := Verify(t.Context(), path, VerifyOptions{})
		if err != nil || !r.OK || r.Rows < 10 {
			t.Fatalf("report is %+v, %v", r, err)
		}
		return r
	}
	before := prove()
	d := &desk{clock: newClock(), path: path}
	d.clock.add(1000 * time.Hour)
	if d.Book, err = Open(t.Context(), path, d.options()); err != nil {
		t.Fatal(err)
	}
	d.numbered(t, "seven", 7)
	if got := d.gaps(t); len(got) != 0 {
		t.Errorf("gaps %v: the numbers before were not kept, the files were taken", got)
	}
	d.numbered(t, "nine", 9)
	if got := d.gaps(t); !slices.Equal(got, []string{"8-8"}) {
		t.Errorf("gaps %v", got)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if after := prove(); after.Events <= before.Events {
		t.Errorf("%d events after %d", after.Events, before.Events)
	}
}

package evidence

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bankconnector/connector/evidence/note"
	"bankconnector/connector/evidence/outlet"
	"bankconnector/connector/journal"
)

// clock is a hand that tests turn.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// room is a journal with its checkpoints.
type room struct {
	dir, path string
	clock     *clock
	book      *journal.Book
	keeping   Keeping
}

func newRoom(t testing.TB) *room {
	t.Helper()
	r := &room{dir: t.TempDir(), clock: newClock()}
	r.path = filepath.Join(r.dir, "journal.db")
	must(t, os.Mkdir(filepath.Join(r.dir, "out"), 0o750))
	var err error
	r.book, err = journal.Create(t.Context(), r.path, journal.Options{Now: r.clock.now, Instance: "host"})
	must(t, err)
	key, err := note.OpenKey(filepath.Join(r.dir, "checkpoint.key"), filepath.Join(r.dir, "checkpoint.pub"), rand.Reader)
	must(t, err)
	r.keeping = Keeping{
		Key: key, Instance: "host name", Now: r.clock.now, Log: slog.New(slog.DiscardHandler),
		File: filepath.Join(r.dir, "checkpoints"), Outside: []string{filepath.Join(r.dir, "out", "checkpoints")},
		Waiting: filepath.Join(r.dir, "checkpoints.waiting"),
	}
	t.Cleanup(func() { _ = r.book.Close() })
	return r
}

func (r *room) note(t testing.TB, n int) {
	t.Helper()
	must(t, r.book.Write(t.Context(), "daemon", func(tx *journal.Tx) error {
		for range n {
			if err := tx.Note("note.test", "", 0, nil); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (r *room) files() []string { return append([]string{r.keeping.File}, r.keeping.Outside...) }

// keeper is one whose clockwork stands, so that the test says when it looks.
func (r *room) keeper(t testing.TB) *Keeper {
	t.Helper()
	k, err := Keep(t.Context(), r.book, r.keeping)
	must(t, err)
	k.stop()
	<-k.done
	return k
}

func read(t testing.TB, path string) (all []note.Signed) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	_, err = note.Each(f, func(s note.Signed) error {
		all = append(all, s)
		return nil
	})
	must(t, err)
	return all
}

func TestCheckpointIsWrittenWhenDue(t *testing.T) {
	r := newRoom(t) // one event: the book's creation
	k := r.keeper(t)
	look := func(want int64) {
		t.Helper()
		must(t, k.look(t.Context(), false))
		if k.last != want {
			t.Errorf("the newest checkpoint is at %d, want %d", k.last, want)
		}
	}
	look(0)
	r.note(t, 8)
	look(0)
	r.note(t, 1)
	look(10)
	r.note(t, 1)
	look(10)
	r.clock.add(59 * time.Second)
	look(10)
	r.clock.add(time.Second)
	look(11)
	r.clock.add(time.Hour)
	look(11) // nothing happened since
	r.note(t, 1)
	must(t, k.Close())
	for _, path := range r.files() {
		all := read(t, path)
		if len(all) != 3 || all[2].Seq != 12 || all[0].Origin != "bankconnector/journal/v1/host-name" {
			t.Fatalf("%s holds %+v", path, all)
		}
		for _, s := range all {
			must(t, s.Verify([]ed25519.PublicKey{r.keeping.Key.Public()}))
			if hash, err := r.book.Hash(t.Context(), s.Seq); err != nil || hash != s.Hash {
				t.Errorf("checkpoint at %d has %s, the journal %s, %v", s.Seq, s.Hash, hash, err)
			}
		}
	}
}

func TestCheckpointsAreWrittenByThemselves(t *testing.T) {
	r := newRoom(t)
	r.note(t, 20)
	k, err := Keep(t.Context(), r.book, r.keeping)
	must(t, err)
	must(t, k.Close()) // at the end, whatever was due
	if all := read(t, r.keeping.File); len(all) != 1 || all[0].Seq != 21 {
		t.Errorf("checkpoints are %+v", all)
	}
}

// TestKeepRefuses is the start on a journal that lost its end or was written anew.
func TestKeepRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		file int
		want string
	}{
		"CutOffByOwnFile":    {0, "event 6 is missing"},
		"CutOffByOutsideOne": {1, "event 6 is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t)
			old := filepath.Join(r.dir, "old.db")
			must(t, r.book.Backup(t.Context(), old))
			r.note(t, 5)
			must(t, r.keeper(t).Close())
			must(t, r.book.Close())
			must(t, os.Remove(r.files()[1-c.file]))
			book, err := journal.Open(t.Context(), old, journal.Options{Now: r.clock.now, Instance: "host"})
			must(t, err)
			defer book.Close()
			_, err = Keep(t.Context(), book, r.keeping)
			if !errors.Is(err, ErrWitness) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q", err, c.want)
			}
		})
	}
	t.Run("WrittenAnew", func(t *testing.T) {
		r, other := newRoom(t), newRoom(t)
		r.clock.add(time.Second)
		r.note(t, 5)
		other.note(t, 5)
		must(t, other.keeper(t).Close())
		r.keeping.File, r.keeping.Outside = other.keeping.File, other.keeping.Outside
		if _, err := Keep(t.Context(), r.book, r.keeping); !errors.Is(err, ErrWitness) || !strings.Contains(err.Error(), "written anew") {
			t.Errorf("error is %v", err)
		}
	})
}

// TestHalfWrittenCheckpoint is a power cut while a note was being appended.
func TestHalfWrittenCheckpoint(t *testing.T) {
	for cut := 1; cut < 90; cut += 7 {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			r := newRoom(t)
			must(t, r.keeper(t).Close())
			data, err := os.ReadFile(r.keeping.File)
			must(t, err)
			must(t, os.WriteFile(r.keeping.File, append(data, data[:cut]...), 0o640))
			r.note(t, 3)
			must(t, r.keeper(t).Close())
			if all := read(t, r.keeping.File); len(all) != 2 || all[1].Seq != 4 {
				t.Errorf("checkpoints are %+v", all)
			}
		})
	}
}

func TestCheckpointKey(t *testing.T) {
	r := newRoom(t)
	path := filepath.Join(r.dir, "checkpoint.key")
	again, err := note.OpenKey(path, filepath.Join(r.dir, "checkpoint.pub"), rand.Reader)
	must(t, err)
	if !again.Public().Equal(r.keeping.Key.Public()) {
		t.Error("the second start made another key")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
	must(t, os.Chmod(path, 0o640))
	if _, err := note.OpenKey(path, filepath.Join(r.dir, "checkpoint.pub"), rand.Reader); err == nil || !strings.Contains(err.Error(), "chmod 0600") {
		t.Errorf("a key that others read: %v", err)
	}
}

// TestOpensslChecksACheckpoint takes a note apart as a stranger would.
func TestOpensslChecksACheckpoint(t *testing.T) {
	r := newRoom(t)
	must(t, r.keeper(t).Close())
	s := read(t, r.keeping.File)[0]
	text, sig, err := s.Parts(r.keeping.Key.Public())
	must(t, err)
	must(t, os.WriteFile(filepath.Join(r.dir, "text"), text, 0o600))
	must(t, os.WriteFile(filepath.Join(r.dir, "sig"), sig, 0o600))
	check := func() error {
		c := exec.CommandContext(t.Context(), "openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "checkpoint.pub", "-rawin", "-in", "text", "-sigfile", "sig")
		c.Dir = r.dir
		out, err := c.CombinedOutput()
		if err != nil {
			return fmt.Errorf("openssl (apt-get install -y openssl): %w: %s", err, out)
		}
		return nil
	}
	must(t, check())
	text[len(text)-5]++
	must(t, os.WriteFile(filepath.Join(r.dir, "text"), text, 0o600))
	if check() == nil {
		t.Error("openssl accepts a changed text")
	}
}

// kinds counts the events of a kind.
func (r *room) kinds(t testing.TB, kind string) (n int) {
	t.Helper()
	must(t, r.book.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM event WHERE kind = ?`, kind).Scan(&n))
	return n
}

// TestSendingStopsWhenCheckpointsCannotLeave is a place outside that is gone for hours,
// over a restart as well.
func TestSendingStopsWhenCheckpointsCannotLeave(t *testing.T) {
	r := newRoom(t)
	away := filepath.Join(r.dir, "mount")
	r.keeping.Outside = []string{filepath.Join(away, "checkpoints")}
	k := r.keeper(t)
	fails := func() {
		t.Helper()
		if err := k.look(t.Context(), false); err == nil || !strings.Contains(err.Error(), "has not left") {
			t.Errorf("a checkpoint that did not leave: %v", err)
		}
	}
	may := func(want bool) {
		t.Helper()
		if err := k.MaySend(); (err == nil) != want {
			t.Errorf("at %s sending: %v, want allowed %t", r.clock.now(), err, want)
		}
	}
	r.note(t, 20)
	fails()
	if k.last != 21 {
		t.Errorf("our own file stands at %d", k.last)
	}
	r.clock.add(3*time.Hour + 59*time.Minute)
	fails() // it is tried again although nothing happened
	may(true)
	if n := r.kinds(t, "alarm.checkpoints"); n != 0 {
		t.Errorf("%d alarms before the time", n)
	}
	r.clock.add(time.Minute)
	may(false) // also when nobody has looked
	fails()
	fails()
	if err := k.MaySend(); err == nil || !strings.Contains(err.Error(), "checkpoint.file") || !strings.Contains(err.Error(), "2026-11-22T09:00:00Z") {
		t.Errorf("what to do is not told: %v", err)
	}
	if n := r.kinds(t, "alarm.checkpoints"); n != 1 {
		t.Errorf("%d alarms", n)
	}
	if err := k.Close(); err == nil {
		t.Error("the last checkpoint did not leave, and nobody says so")
	}
	r.note(t, 5) // receiving goes on, and is recorded
	k = r.keeper(t)
	may(false) // a restart is no way round
	must(t, os.Mkdir(away, 0o750))
	must(t, k.look(t.Context(), false))
	may(true)
	if n := r.kinds(t, "note.checkpoints"); n != 1 {
		t.Errorf("the journal tells %d times that sending goes on", n)
	}
	r.clock.add(5 * time.Hour) // nothing is due, so nothing is late
	may(true)
	must(t, k.Close())
	if all := read(t, r.keeping.Outside[0]); len(all) < 2 || all[len(all)-1].Seq != 29 { // two alarms, one for each start, and that sending goes on
		t.Errorf("outside stands %+v", all)
	}
	k = r.keeper(t)
	may(true)
	must(t, k.Close())
}

// TestOneWayOutIsEnough: the system's log takes what the file cannot.
func TestOneWayOutIsEnough(t *testing.T) {
	r := newRoom(t)
	socket := filepath.Join(r.dir, "log")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	must(t, err)
	defer c.Close()
	l, err := outlet.ReadLog(socket)
	must(t, err)
	r.keeping.Logs, r.keeping.Outside = []outlet.Log{l}, []string{filepath.Join(r.dir, "mount", "checkpoints")}
	k := r.keeper(t)
	r.note(t, 20)
	must(t, k.look(t.Context(), false))
	r.clock.add(5 * time.Hour)
	r.note(t, 20)
	must(t, k.look(t.Context(), false))
	must(t, k.MaySend())
	buf := make([]byte, 4096)
	n, err := c.Read(buf)
	must(t, err)
	_, err = note.Each(strings.NewReader(string(buf[:n])+"\n"), func(s note.Signed) error {
		if s.Seq != 21 {
			t.Errorf("the log got %+v", s)
		}
		return s.Verify([]ed25519.PublicKey{r.keeping.Key.Public()})
	})
	must(t, err)
	must(t, k.Close())
}

// TestOtherJournalOutside: a file outside that was put in place later and knows another
// journal takes nothing.
func TestOtherJournalOutside(t *testing.T) {
	r, other := newRoom(t), newRoom(t)
	r.clock.add(time.Second)
	k := r.keeper(t)
	r.note(t, 20)
	other.note(t, 20)
	must(t, other.keeper(t).Close())
	r.keeping.Outside[0] = filepath.Join(r.dir, "out", "checkpoints")
	data, err := os.ReadFile(other.keeping.File)
	must(t, err)
	must(t, os.WriteFile(r.keeping.Outside[0], data, 0o600))
	if err := k.look(t.Context(), false); err == nil || !strings.Contains(err.Error(), "written anew") {
		t.Errorf("error is %v", err)
	}
}

// TestBusyJournalIsCoveredAtOnce: ten events do not wait for the clock.
func TestBusyJournalIsCoveredAtOnce(t *testing.T) {
	r := newRoom(t)
	k, err := Keep(t.Context(), r.book, r.keeping)
	must(t, err)
	for range 50 {
		r.note(t, maxEvents)
		end := time.Now().Add(10 * time.Second)
		for seq := int64(0); seq < 11; {
			last, _, err := note.Last(r.keeping.File)
			must(t, err)
			if seq = last.Seq; seq < 11 && time.Now().After(end) {
				t.Fatalf("ten events have no checkpoint")
			}
		}
	}
	must(t, k.Close())
	all := read(t, r.keeping.File)
	for i, s := range all[1:] {
		if gap := s.Seq - all[i].Seq; gap < 1 {
			t.Errorf("checkpoint %d is not after the one before", s.Seq)
		}
	}
}

// TestHeadFitsAManifest: a note in one line has 200 characters at most.
func TestHeadFitsAManifest(t *testing.T) {
	r := newRoom(t)
	r.keeping.Instance = strings.Repeat("connector-01.msk.", 20)
	k := r.keeper(t)
	n, err := k.Head()
	must(t, err)
	if line := n.Line(); len(line)+len("9999999999")-1 > 200 {
		t.Errorf("%d characters: %s", len(line), line)
	}
	must(t, k.Close())
}

package journal

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// share runs n calls of fn from so many callers at once.
func share(b *testing.B, callers int, fn func(n int) error) {
	b.Helper()
	before := cpu(b)
	var next atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := fn(int(n)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(cpu(b)-before)/1e3/float64(b.N), "cpu-µs/event")
}

// cpu is what the process has used of all processors: on a machine that others
// share it says more than the clock.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkWrite is one event for each Write: the acceptance of an order, with
// its sources, indexes and the bank's day.
func BenchmarkWrite(b *testing.B) {
	for _, callers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			d := newDesk(b)
			b.ResetTimer()
			share(b, callers, func(n int) error {
				return d.Write(b.Context(), "daemon", func(t *Tx) error {
					_, err := t.Accept(order(bankA, fmt.Sprintf("%012d", n)))
					return err
				})
			})
		})
	}
}

// BenchmarkNote is one event that changes no table but the bank's day.
func BenchmarkNote(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			d := newDesk(b)
			b.ResetTimer()
			share(b, callers, func(int) error {
				return d.Write(b.Context(), "daemon", func(t *Tx) error {
					return t.Note("note.bench", bankA, 0, struct {
						Text string `json:"text"`
					}{"a note of ordinary length, as a visit leaves it"})
				})
			})
		})
	}
}

// BenchmarkPlain is what the journal is measured against: one row of the same
// size for each commit through database/sql, no chain, no projection.
func BenchmarkPlain(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			db, err := sql.Open("sqlite3", "file:"+filepath.Join(b.TempDir(), "plain.db")+
				"?_journal_mode=WAL&_synchronous=FULL&_txlock=immediate&_busy_timeout=5000")
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			db.SetMaxOpenConns(1)
			if _, err := db.Exec(`CREATE TABLE event (seq INTEGER PRIMARY KEY, body TEXT) STRICT`); err != nil {
				b.Fatal(err)
			}
			text := fmt.Sprintf("%0700d", 1)
			b.ResetTimer()
			share(b, callers, func(int) error {
				_, err := db.Exec(`INSERT INTO event (body) VALUES (?)`, text)
				return err
			})
		})
	}
}

// BenchmarkVerify proves a journal of 100,000 events, or of JOURNAL_EVENTS: every fourth
// an order, the rest its steps. Beside it stand what no proof can do without: reading the
// same octets through SHA-256, and SQLite's own check.
func BenchmarkVerify(b *testing.B) {
	const batch = 500
	orders := 25_000
	if text := os.Getenv("JOURNAL_EVENTS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			b.Fatal(err)
		}
		orders = max(batch, n/4/batch*batch)
	}
	d := newDesk(b)
	for first := 0; first < orders; first += batch {
		d.do(b, func(tx *Tx) error {
			for n := first; n < first+batch; n++ {
				if err := life(tx, fmt.Sprintf("%012d", n)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for name, o := range map[string]VerifyOptions{"chain": {ChainOnly: true}, "all": {Temp: b.TempDir()}} {
		b.Run(name, func(b *testing.B) {
			before := cpu(b)
			for b.Loop() {
				r, err := Verify(b.Context(), d.path, o)
				if err != nil || !r.OK {
					b.Fatalf("%+v, %v", r, err)
				}
			}
			perEvent(b, orders, cpu(b)-before)
		})
	}
	for name, args := range map[string][]string{
		"sha256sum": {"sha256sum", d.path}, "integrity_check": {"sqlite3", "-readonly", d.path, "PRAGMA integrity_check"},
	} {
		b.Run(name, func(b *testing.B) {
			var used time.Duration
			for b.Loop() {
				c := exec.CommandContext(b.Context(), args[0], args[1:]...)
				if out, err := c.CombinedOutput(); err != nil {
					b.Fatalf("%v (apt-get install -y sqlite3): %s", err, out)
				}
				used += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
			}
			perEvent(b, orders, used)
		})
	}
}

// perEvent reports what one event of a journal of four for each order costs, and the
// most memory that the process has had.
func perEvent(b *testing.B, orders int, used time.Duration) {
	b.Helper()
	events := float64(4*orders) * float64(b.N)
	b.ReportMetric(events/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(used)/1e3/events, "cpu-µs/event")
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(u.Maxrss)/1024, "MiB-RSS")
}

// life takes an order from acceptance to delivery: four events.
func life(tx *Tx, key string) error {
	id, err := tx.Accept(order(bankA, key))
	if err != nil {
		return err
	}
	x, err := tx.Exchange(id)
	if err != nil {
		return err
	}
	c, err := sealing(tx, x)
	if err != nil {
		return err
	}
	return errors.Join(
		tx.Advance(id, Accepted, Sealed, c),
		tx.Advance(id, Sealed, Sending, Change{TempName: key + ".part", Attempt: true}),
		tx.Advance(id, Sending, Delivered, Change{Evidence: "ok"}),
	)
}

// BenchmarkRead is what the flow asks for each reply, beside the same question through
// database/sql, while a writer makes every page of a reader stale.
func BenchmarkRead(b *testing.B) {
	const orders = 10_000
	d := newDesk(b)
	d.do(b, func(tx *Tx) error {
		for n := range orders {
			if _, err := tx.Accept(order(bankA, fmt.Sprintf("%012d", n))); err != nil {
				return err
			}
		}
		return nil
	})
	stale := func(n int) error {
		if n%16 != 0 {
			return nil
		}
		return d.Write(b.Context(), "daemon", func(t *Tx) error { return t.Note("note.x", "", 0, nil) })
	}
	b.Run("book", func(b *testing.B) {
		share(b, 4, func(n int) error {
			_, err := d.ByKey(b.Context(), "office", fmt.Sprintf("%012d", n%orders))
			return errors.Join(err, stale(n))
		})
	})
	for name, ask := range map[string]func() error{
		"doubtful": func() error {
			_, err := d.Find(b.Context(), Filter{Bank: bankA, States: []State{Sending, Ambiguous}})
			return err
		},
		"incoming-open": func() error { _, err := d.IncomingOpen(b.Context(), bankA); return err },
		"last":          func() error { _, _, err := d.Last(b.Context(), bankA, "documents"); return err },
	} {
		b.Run(name, func(b *testing.B) {
			share(b, 4, func(n int) error { return errors.Join(ask(), stale(n)) })
		})
	}
	b.Run("database-sql", func(b *testing.B) {
		share(b, 4, func(n int) error {
			var id int64
			err := d.DB().QueryRowContext(b.Context(), `SELECT id FROM exchange WHERE class = ? AND internal_key = ?
				ORDER BY live DESC, id DESC LIMIT 1`, "office", fmt.Sprintf("%012d", n%orders)).Scan(&id)
			return errors.Join(err, stale(n))
		})
	})
}

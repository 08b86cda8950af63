package bench_test

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // the peer: SQLite as everybody uses it

	"bankconnector/connector/journal"
)

// pen is one way to write rows durably.
type pen struct {
	name    string
	callers int
	open    func(*testing.B, string) (write func(n int) error, shut func() error)
}

func pens() []pen {
	return []pen{
		{"journal, 64 callers", 64, openBook},
		{"journal, 1 caller: a commit an event", 1, openBook},
		{"SQLite, a row a commit, 64 callers", 64, openPlain},
		{"SQLite, a row a commit, 1 caller", 1, openPlain},
		{"SQLite, 64 rows a commit, 1 caller", 1, openBatch},
	}
}

func openBook(b *testing.B, path string) (func(int) error, func() error) {
	b.Helper()
	book, err := journal.Create(b.Context(), path, journal.Options{Now: time.Now, Instance: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	return func(n int) error {
		return book.Write(b.Context(), "daemon", func(t *journal.Tx) error {
			_, err := t.Accept(acceptance(n))
			return err
		})
	}, book.Close
}

// acceptance is an order as the office hands it in, with its signed original.
func acceptance(n int) journal.Acceptance {
	amount, key := int64(150000), fmt.Sprintf("%012d", n)
	digest := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	return journal.Acceptance{
		Bank: "044525225", Kind: "order", Code: "O_IP_ACT_ARREST_ACCMONEY", InternalKey: key, DocNum: "77/" + key,
		DocDate: "2026-11-22", IPNum: "1234/26/77001-ИП", Amount: &amount, SourceSHA256: digest(key),
		Sources: []journal.Source{
			{Name: "piev_" + key + ".xml", SHA256: digest(key)}, {Name: "piev_" + key + ".xml.sig", SHA256: digest(key + "sig")},
		},
	}
}

func openDB(b *testing.B, path string) *sql.DB {
	b.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?_journal_mode=WAL&_synchronous=FULL&_txlock=immediate&_busy_timeout=5000")
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(b.Context(), `CREATE TABLE event (seq INTEGER PRIMARY KEY, body TEXT) STRICT`); err != nil {
		b.Fatal(err)
	}
	return db
}

const insert = `INSERT INTO event (body) VALUES (?)`

func body() string { return fmt.Sprintf("%0700d", 1) }

func openPlain(b *testing.B, path string) (func(int) error, func() error) {
	b.Helper()
	db := openDB(b, path)
	return func(int) error {
		_, err := db.ExecContext(b.Context(), insert, body())
		return err
	}, db.Close
}

func openBatch(b *testing.B, path string) (func(int) error, func() error) {
	b.Helper()
	db := openDB(b, path)
	var tx *sql.Tx
	return func(n int) (err error) {
		if tx == nil {
			if tx, err = db.BeginTx(b.Context(), nil); err != nil {
				return err
			}
		}
		if _, err = tx.ExecContext(b.Context(), insert, body()); err != nil || n%64 != 0 {
			return err
		}
		err, tx = tx.Commit(), nil
		return err
	}, db.Close
}

// write lets the callers write for n rows and tells the rows a second and the processor time of one.
func (p pen) write(b *testing.B, n int) (perSecond, cpu float64) {
	b.Helper()
	one, shut := p.open(b, filepath.Join(b.TempDir(), "journal.db"))
	var next atomic.Int64
	var crew sync.WaitGroup
	before, began := own(b), time.Now()
	for range p.callers {
		crew.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if err := one(int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	crew.Wait()
	took, spent := time.Since(began), own(b)-before
	if err := shut(); err != nil {
		b.Fatal(err)
	}
	return float64(n) / took.Seconds(), float64(spent.Microseconds()) / float64(n)
}

// BenchmarkJournal is an event for each call, with FULL durability everywhere.
func BenchmarkJournal(b *testing.B) {
	list := pens()
	speed, spent := make([][]float64, len(list)), make([][]float64, len(list))
	for range rounds() {
		for i, p := range list {
			n := pick(256, map[bool]int{true: 20_032, false: 3_008}[i == 0 || i == 4]) // multiples of 64
			perSecond, cpu := p.write(b, n)
			speed[i], spent[i] = append(speed[i], perSecond), append(spent[i], cpu)
		}
	}
	var t sheet
	t.add("way", "rows/s", "the journal with 64 callers is × faster", "CPU µs/row")
	for i, p := range list {
		t.add(p.name, number(median(speed[i])), number(median(speed[0])/median(speed[i])), number(median(spent[i])))
	}
	publish(b, "journal", "Journal, events a second", "An event of ours is the acceptance of an order: chained by hash, projected into the state tables with their indexes, "+
		"WAL, synchronous FULL. The peer inserts one row of 700 octets with the same pragmas and no chain, no projection, no index.\n\n"+t.String())
}

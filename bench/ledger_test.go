package bench_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"bankconnector/connector/journal"
	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
)

// press makes a journal of any length without the waits of a real one: the same schema, the chain, the projection and
// the bodies of finished exchanges in their true proportions, but no fsync, and indexes made at the end.
type press struct {
	c        *sqlite.Conn
	page     record.Page
	at       time.Time
	seq      int64
	hash     string
	exchange int64
	arrival  int64
	visit    int64
	streams  map[string]*stream
}

type stream struct {
	seq      int64
	previous string
}

const pressBanks = 113

// makeJournal writes a journal of at least n events to a new file.
func makeJournal(path string, n int64) (err error) {
	c, err := sqlite.Scratch(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	p := &press{c: c, at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), hash: record.NoHash, streams: map[string]*stream{}}
	if err := c.Script(fmt.Sprintf("PRAGMA application_id=%d; PRAGMA cache_size=-65536", sqlite.ApplicationID)); err != nil {
		return err
	}
	if _, _, err := sqlite.Migrate(c, record.Migrations()); err != nil {
		return err
	}
	back, err := p.bare()
	if err != nil {
		return err
	}
	if err := c.Script("BEGIN"); err != nil {
		return err
	}
	if err := p.add("book.created", 0, 0, struct{}{}); err != nil {
		return err
	}
	for doc := 0; p.seq < n; doc++ {
		if err := p.document(doc); err != nil {
			return err
		}
	}
	if err := p.flush(); err != nil {
		return err
	}
	if _, err := c.Exec(`INSERT INTO head (one, seq, hash, at) VALUES (1, ?, ?, ?)`, p.seq, p.hash, sqlite.Stamp(p.at)); err != nil {
		return err
	}
	return c.Script("COMMIT;" + back)
}

// bare drops what slows a bulk down, indexes and triggers, and returns the statements that make it again.
func (p *press) bare() (back string, err error) {
	var drop strings.Builder
	var again strings.Builder
	err = p.c.Each(`SELECT type, name, sql FROM sqlite_schema WHERE type IN ('index', 'trigger') AND sql IS NOT NULL`, func(f sqlite.Fields) error {
		fmt.Fprintf(&drop, "DROP %s %s;", f.Str(0), f.Str(1))
		fmt.Fprintf(&again, "%s;\n", f.Str(2))
		return nil
	})
	if err != nil {
		return "", err
	}
	return again.String(), p.c.Script(drop.String())
}

func pressBank(i int) string { return fmt.Sprintf("0445250%02d", i%pressBanks) }

func (p *press) add(kind string, bank int, exchange int64, body any) error {
	e := record.Event{Seq: p.seq + 1, At: p.at, Instance: "fssp-gate-1", Actor: "bankconnector", Kind: kind, Exchange: exchange, Prev: p.hash}
	if bank > 0 {
		e.Bank = pressBank(bank)
	}
	if err := p.page.Append(p.c, &e, body); err != nil {
		return fmt.Errorf("event %d, %s: %w", e.Seq, kind, err)
	}
	p.seq, p.hash = e.Seq, e.Hash
	if p.page.Len() < 1024 {
		return nil
	}
	return p.flush()
}

func (p *press) flush() error {
	defer p.page.Clear()
	return p.page.Flush(p.c)
}

func digestOf(kind string, n int64) string {
	sum := sha256.Sum256([]byte(kind + strconv.FormatInt(n, 10)))
	return hex.EncodeToString(sum[:])
}

// document writes the whole life of one order or query, now and then inside a visit: 20 events and a part of two.
func (p *press) document(n int) error {
	bank := n%pressBanks + 1
	p.at = p.at.Add(700 * time.Millisecond)
	if n%7 == 0 {
		p.visit++
		if err := p.add("visit.begun", bank, 0, record.Visited{ID: p.visit, Slot: sqlite.Stamp(p.at)}); err != nil {
			return err
		}
	}
	kind, key, amount := "order", fmt.Sprintf("%014d", 11101000000000+n), int64(150000+n)
	a := record.Acceptance{
		Bank: pressBank(bank), Kind: kind, Code: "O_IP_ACT_ARREST_ACCMONEY", InternalKey: key, DocNum: fmt.Sprintf("66007/26/%d", n), DocDate: "2026-11-22",
		IPNum: fmt.Sprintf("%d/26/66007-ИП", n), Amount: &amount, SourceSHA256: digestOf("source", int64(n)), Stream: "documents",
		Sources: []record.Source{{Name: "piev_" + key + ".xml", SHA256: digestOf("source", int64(n))}, {Name: "piev_" + key + ".xml.sig", SHA256: digestOf("sig", int64(n))}},
	}
	id, err := p.sent(bank, "office", a)
	if err != nil {
		return err
	}
	receipt, err := p.taken(bank, id, "receipt")
	if err != nil {
		return err
	}
	due, warn := p.at.AddDate(0, 0, 7), p.at.AddDate(0, 0, 6)
	confirmed := record.Moved{Class: "office", From: "Delivered", To: "Confirmed", Change: record.Change{Reason: "receipt 02 принято к исполнению", Incoming: receipt, DueAt: &due, WarnAt: &warn, Rule: "229-ФЗ ст. 69 ч. 10"}}
	if err := p.add("exchange.confirmed", bank, id, confirmed); err != nil {
		return err
	}
	reply, err := p.taken(bank, id, "report")
	if err != nil {
		return err
	}
	own := record.Acceptance{Bank: pressBank(bank), Kind: "receipt", InternalKey: fmt.Sprintf("r%d", reply), SourceSHA256: digestOf("receipt", reply), Parent: id, Incoming: reply, Stream: "receipts"}
	if err := p.add("exchange.answered", bank, id, record.Moved{Class: "office", From: "Confirmed", To: "Answered", Change: record.Change{Incoming: reply, AnswerCode: "02"}}); err != nil {
		return err
	}
	back, err := p.sent(bank, "receipt", own)
	if err != nil {
		return err
	}
	err = errors.Join(
		p.add("exchange.closed", bank, back, record.Moved{Class: "receipt", From: "Delivered", To: "Closed"}),
		p.add("exchange.closed", bank, id, record.Moved{Class: "office", From: "Answered", To: "Closed", Change: record.Change{Reason: "final reply acknowledged"}}),
	)
	if err == nil && n%7 == 0 {
		err = p.add("visit.ended", bank, 0, record.Visited{ID: p.visit, VisitOutcome: &record.VisitOutcome{Outcome: "ok", Sent: 7, Taken: 14, Bytes: 90000}})
	}
	return err
}

// sent opens an exchange and delivers it.
func (p *press) sent(bank int, class string, a record.Acceptance) (id int64, err error) {
	p.exchange++
	id = p.exchange
	key := a.Bank + a.Stream
	s := p.streams[key]
	if s == nil {
		s = &stream{}
		p.streams[key] = s
	}
	s.seq++
	file := digestOf("envelope", id)
	name := "piev_" + a.InternalKey + ".zip"
	due := p.at.AddDate(0, 0, 1)
	err = errors.Join(
		p.add("exchange.opened", bank, id, record.Opened{State: "Accepted", Class: class, Acceptance: a}),
		p.add("exchange.sealed", bank, id, record.Moved{Class: class, From: "Accepted", To: "Sealed", Change: record.Change{
			Seq: s.seq, Previous: s.previous, FileName: name, FileSHA256: file, FileSize: 5629, Signer: digestOf("signer", 1),
		}}),
		p.add("exchange.sending", bank, id, record.Moved{Class: class, From: "Sealed", To: "Sending", Change: record.Change{
			TempName: "." + name + "." + file[:26] + ".part", DueAt: &due, WarnAt: &p.at, Rule: "receipt by agreement", Attempt: true,
		}}),
		p.add("exchange.delivered", bank, id, record.Moved{Class: class, From: "Sending", To: "Delivered", Change: record.Change{
			Evidence: "renamed", DueAt: &due, WarnAt: &p.at, Rule: "receipt by agreement",
		}}),
	)
	s.previous = file
	return id, err
}

// taken takes a file from the bank to its end.
func (p *press) taken(bank int, exchange int64, kind string) (id int64, err error) {
	p.arrival++
	id = p.arrival
	name := fmt.Sprintf("rcp_%s-%s-%d.zip", pressBank(bank), digestOf("name", id)[:16], id)
	return id, errors.Join(
		p.add("incoming.received", bank, 0, record.Received{ID: id, Name: name, Claimed: digestOf("claim", id)[:26] + "_" + name, SHA256: digestOf("file", id), Size: 4356}),
		p.add("incoming.settled", bank, 0, record.Settled{ID: id, Settlement: record.Settlement{
			Verdict: "valid", Signer: "CN=АО «Учебный банк 3», O=АО «Учебный банк 3», OGRN=1027701000030, INNLE=7701000033 " + digestOf("bank", int64(bank)), Kind: kind,
			ExternalKey: strings.TrimSuffix(name, ".zip"), ContentSHA256: digestOf("content", id), Outcome: "matched", ExchangeID: exchange,
		}}),
		p.add("incoming.handed", bank, 0, record.Touched{ID: id}),
		p.add("incoming.cleaned", bank, 0, record.Touched{ID: id}),
	)
}

// TestPress holds that the journal that is measured is one that verify finds sound.
func TestPress(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	if err := makeJournal(path, 3000); err != nil {
		t.Fatal(err)
	}
	r, err := journal.Verify(t.Context(), path, journal.VerifyOptions{Temp: t.TempDir()})
	if err != nil || !r.OK || r.Events < 3000 || r.Rows < 900 {
		t.Errorf("%+v, %v", r, err)
	}
}

// BenchmarkVerify proves a journal of ten million events, or JOURNAL_EVENTS, made for it, or that of JOURNAL_FILE,
// which is made there when it is not there yet.
func BenchmarkVerify(b *testing.B) {
	path := os.Getenv("JOURNAL_FILE")
	if path == "" {
		path = filepath.Join(b.TempDir(), "journal.db")
	}
	if _, err := os.Stat(path); err != nil {
		n, err := strconv.ParseInt(cmp.Or(os.Getenv("JOURNAL_EVENTS"), pick("20000", "10000000")), 10, 64)
		if err == nil {
			err = makeJournal(path, n)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	temp := b.TempDir()
	ours := program(b)
	ways := []struct {
		name string
		args []string
	}{
		{"ours: the chain (--quick)", []string{ours, "journal", "verify", "--quick", "--json", "--file", path}},
		{"sha256sum of the file", []string{need(b, "sha256sum", "coreutils"), path}},
		{"sqlite3: PRAGMA integrity_check", []string{need(b, "sqlite3", "sqlite3"), "-readonly", path, "PRAGMA integrity_check"}},
		{"ours: all of it", []string{ours, "journal", "verify", "--json", "--file", path}},
	}
	var events float64
	wall, cpu, rss := make([][]float64, len(ways)), make([][]float64, len(ways)), make([]float64, len(ways))
	for range rounds() {
		for i, w := range ways {
			c := exec.CommandContext(b.Context(), w.args[0], w.args[1:]...)
			c.Env = append(os.Environ(), "TMPDIR="+temp)
			var out bytes.Buffer
			c.Stdout = &out
			u := run(b, c)
			var verdict struct{ Events float64 }
			if i == 0 {
				if err := json.Unmarshal(out.Bytes(), &verdict); err != nil {
					b.Fatal(err)
				}
				events = verdict.Events
			}
			wall[i], cpu[i], rss[i] = append(wall[i], u.wall.Seconds()), append(cpu[i], u.cpu.Seconds()), max(rss[i], float64(u.rss)/(1<<20))
			b.Logf("%s: %.1f s wall, %.1f s CPU, %.1f MiB", w.name, u.wall.Seconds(), u.cpu.Seconds(), float64(u.rss)/(1<<20))
		}
	}
	var t sheet
	t.add("way", "wall s", "CPU s", "CPU µs/event", "CPU s on each of two processors", "largest RSS MiB")
	for i, w := range ways {
		t.add(w.name, number(median(wall[i])), number(median(cpu[i])), number(median(cpu[i])/events*1e6), number(median(cpu[i])/2), number(rss[i]))
	}
	publish(b, "verify", "journal verify", fmt.Sprintf("A journal of %.0f events (%.1f GB with its tables and indexes) of finished exchanges. The chain is every event's hash, number, link and time; "+
		"all of it is that, SQLite's own check, and every row of the tables rebuilt from the events and compared. The peers put the same octets through one hash, and check the structure of the file alone. "+
		"The wall is that of a shared machine; what ours needs of two processors is half its processor time.\n\n%s", events, float64(info.Size())/1e9, t.String()))
}

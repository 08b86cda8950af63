package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bankconnector/banks/rehearsal"
	"bankconnector/connector/entry"
	"bankconnector/connector/journal"
	"bankconnector/connector/practice"
	"bankconnector/connector/rounds"
)

// asProgram makes the test binary be the program: tests that kill a process, or need two
// of them, start themselves with it.
const asProgram = "BANKCONNECTOR_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	switch os.Getenv(asProgram) {
	case "":
	case "environment": // what is left of it, for a test to read
		fmt.Println(entry.Clean(os.Environ(), os.Stderr), os.Environ())
		os.Exit(0)
	default:
		os.Exit(process())
	}
	goleak.VerifyTestMain(m)
}

// program is a command line of ours as a process of its own.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], args...)
	kept, _ := entry.Sift(os.Environ()) // what the test's own environment adds is not the test's matter
	c.Env = append(kept, asProgram+"=1")
	return c
}

// run runs a command line in this process and returns its exit code and output.
func run(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = Main(args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// done runs a command line that must succeed.
func done(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := run(t, args...)
	if code != exitDone {
		t.Fatalf("bankconnector %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// stage sets up rehearsal banks, which serve until the test ends.
func stage(t *testing.T, count int, quirks ...rehearsal.Quirk) (dir, config string) {
	t.Helper()
	dir = t.TempDir()
	serve(t, dir, count, quirks...)
	return dir, filepath.Join(dir, "config.yaml")
}

func serve(t *testing.T, dir string, count int, quirks ...rehearsal.Quirk) *rehearsal.Rehearsal {
	t.Helper()
	return serveAt(t, dir, count, time.Now, quirks...)
}

// serveAt gives the banks a clock of the test's.
func serveAt(t *testing.T, dir string, count int, now func() time.Time, quirks ...rehearsal.Quirk) *rehearsal.Rehearsal {
	t.Helper()
	p := &practice.Stage{Dir: dir, Now: now, Quirks: quirks}
	must(t, p.Setup(count))
	r, err := p.Start(t.Context(), rehearsal.Config{Seed: 1, FinalReports: true})
	must(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// book opens the journal of an installation for reading.
func book(t *testing.T, dir string) *journal.Book {
	t.Helper()
	b, err := journal.View(t.Context(), filepath.Join(dir, "state", "journal.db"))
	must(t, err)
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// query reads rows, their columns joined by "|".
func query(t *testing.T, b *journal.Book, text string, args ...any) []string {
	t.Helper()
	rows, err := b.DB().QueryContext(context.WithoutCancel(t.Context()), text, args...)
	must(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	must(t, err)
	var out []string
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		must(t, rows.Scan(into...))
		words := make([]string, len(values))
		for i, v := range values {
			words[i] = fmt.Sprint(v)
		}
		out = append(out, strings.Join(words, "|"))
	}
	must(t, rows.Err())
	return out
}

// ready reads a process's output until its READY line.
func ready(t *testing.T, out io.Reader) {
	t.Helper()
	in := bufio.NewScanner(out)
	for in.Scan() {
		if in.Text() == "READY" {
			return
		}
	}
	t.Fatalf("the process ended before it was ready: %v", in.Err())
}

func TestDemo(t *testing.T) {
	dir := t.TempDir()
	out := done(t, "demo", "--dir", dir, "--banks", "3", "--documents", "17", "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var r practice.Result
	must(t, json.Unmarshal([]byte(lines[len(lines)-1]), &r))
	if r.Journal != filepath.Join(dir, "state", "journal.db") || r.Seconds <= 0 {
		t.Errorf("journal %q, %v seconds", r.Journal, r.Seconds)
	}
	want := practice.Result{Banks: 3, Documents: 51, Delivered: 51, Confirmed: 51, Answered: 51, Seconds: r.Seconds, Journal: r.Journal}
	if r != want {
		t.Errorf("got  %+v\nwant %+v", r, want)
	}
	b := book(t, dir)
	if codes := query(t, b, `SELECT DISTINCT code FROM exchanges WHERE kind = 'order'`); len(codes) != 12 {
		t.Errorf("%d order codes went out, want all 12: %v", len(codes), codes)
	}
	if queries := query(t, b, `SELECT id FROM exchanges WHERE kind = 'query'`); len(queries) == 0 {
		t.Error("no query went out")
	}
	done(t, "journal", "verify", "-c", filepath.Join(dir, "config.yaml"))
}

// TestViewsAgreeWithTheBanksLedgers holds every row of the auditor's views against the
// line that the bank wrote about the same file, and the other way round.
func TestViewsAgreeWithTheBanksLedgers(t *testing.T) {
	dir := t.TempDir()
	done(t, "demo", "--dir", dir, "--banks", "4", "--documents", "21", "--json")
	b := book(t, dir)
	for _, bic := range query(t, b, `SELECT DISTINCT bank FROM exchanges`) {
		for ledger, text := range map[string]string{
			"received.jsonl": `SELECT file_name, file_sha256, kind, internal_key, seq FROM exchanges WHERE bank = ? AND state = 'Closed' ORDER BY seq`,
			"receipts.jsonl": `SELECT r.file_name, r.file_sha256, r.kind, i.external_key, r.seq FROM receipts r JOIN incoming i ON i.id = r.incoming_id WHERE r.bank = ? ORDER BY r.seq`,
		} {
			lines, err := rehearsal.ReadLedger(filepath.Join(dir, "banks", bic, ledger))
			must(t, err)
			bySeq := make([]string, len(lines))
			for _, l := range lines {
				if l.Verdict != "accepted" || l.Duplicate || l.Seq < 1 || l.Seq > int64(len(lines)) {
					t.Errorf("bank %s %s: %+v", bic, ledger, l)
					continue
				}
				bySeq[l.Seq-1] = fmt.Sprintf("%s|%s|%s|%s|%d", l.File, l.SHA256, l.Kind, l.InternalKey, l.Seq)
			}
			compareLists(t, bic+" "+ledger, query(t, b, text, bic), bySeq)
		}
		compareLists(t, bic+" replies", query(t, b, `SELECT name, sha256, kind, external_key FROM incoming WHERE bank = ? AND outcome = 'matched' ORDER BY name`, bic), sentBy(t, dir, bic))
	}
}

func compareLists(t *testing.T, what string, got, want []string) {
	t.Helper()
	if len(got) == 0 || len(got) != len(want) {
		t.Errorf("%s: %d rows in the journal, %d lines at the bank", what, len(got), len(want))
		return
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s: journal %s, bank %s", what, got[i], want[i])
		}
	}
}

// sentBy reads what a bank says that it sent, by file name.
func sentBy(t *testing.T, dir, bic string) []string {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "banks", bic, "sent.jsonl"))
	must(t, err)
	defer f.Close()
	var list []string
	for in := bufio.NewScanner(f); in.Scan(); {
		var l struct{ File, SHA256, Kind, Key string }
		must(t, json.Unmarshal(in.Bytes(), &l))
		list = append(list, fmt.Sprintf("%s|%s|%s|%s", l.File, l.SHA256, l.Kind, l.Key))
	}
	sortStrings(list)
	return list
}

// TestKilledExchange kills the program with SIGKILL again and again in the middle of its
// work, then lets it finish: two programs meet, and every document arrives once. An inbox of
// many portions is still being taken in while its first documents are delivered.
func TestKilledExchange(t *testing.T) {
	for name, c := range map[string]struct {
		banks, documents int
		quirk            string
		step             int64 // events that each run has more than the one before it
	}{
		"ThreeBanks":          {3, 12, "slow", 30}, // slow ones make an exchange long beside the moment between two looks at its journal
		"InboxOfManyPortions": {1, 600, "", 250},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			args := []string{"rehearse", "--dir", dir, "--banks", strconv.Itoa(c.banks)}
			if c.quirk != "" {
				args = append(args, "--quirk", c.quirk)
			}
			banks := program(t, args...)
			out, err := banks.StdoutPipe()
			must(t, err)
			must(t, banks.Start())
			defer func() {
				must(t, banks.Process.Signal(os.Interrupt))
				must(t, banks.Wait())
			}()
			ready(t, out)
			config := filepath.Join(dir, "config.yaml")
			done(t, "sample", "-c", config, "--documents", strconv.Itoa(c.documents), "--seed", "5")
			kills := 0
			for round := range int64(8) {
				// Each run is killed a little later in its life than the one before, counted in what it
				// has done, not in time: as soon as the journal has so many events.
				if !killAfter(t, dir, config, 1+round*c.step) {
					break
				}
				kills++
			}
			if kills < 3 {
				t.Errorf("only %d runs were killed", kills)
			}
			done(t, "exchange", "-c", config, "--until", "answered", "--timeout", "2m")
			checkKilled(t, dir, c.banks, c.documents)
			done(t, "journal", "verify", "-c", config)
		})
	}
}

// checkKilled wants every document answered, and arrived once by the banks' own ledgers.
func checkKilled(t *testing.T, dir string, banks, documents int) {
	t.Helper()
	rows := query(t, book(t, dir), `SELECT bank, count(*), sum(answered_at IS NOT NULL) FROM exchanges GROUP BY bank`)
	if len(rows) != banks {
		t.Errorf("%d banks have documents, want %d", len(rows), banks)
	}
	for _, row := range rows {
		var bic string
		var n, answered int
		_, err := fmt.Sscanf(strings.ReplaceAll(row, "|", " "), "%s %d %d", &bic, &n, &answered)
		must(t, err)
		lines, err := rehearsal.ReadLedger(filepath.Join(dir, "banks", bic, "received.jsonl"))
		must(t, err)
		if n != documents || answered != documents || len(lines) != documents {
			t.Errorf("bank %s: %d documents, %d answered, %d arrived, want %d", bic, n, answered, len(lines), documents)
		}
	}
}

// killAfter starts an exchange and kills it when the journal holds events more lines than
// before; false if it finished first.
func killAfter(t *testing.T, dir, config string, events int64) bool {
	t.Helper()
	before := head(t, dir)
	c := program(t, "exchange", "-c", config, "--until", "answered")
	must(t, c.Start())
	ended := make(chan struct{})
	go func() {
		_ = c.Wait() // it was killed, or it is done; the loop below tells which
		close(ended)
	}()
	beat := time.NewTicker(time.Millisecond)
	defer beat.Stop()
	for {
		select {
		case <-ended:
			return false
		case <-beat.C:
		}
		if head(t, dir) >= before+events {
			_ = c.Process.Kill()
			<-ended
			return true
		}
	}
}

// head is how many events the journal holds; 0 before there is one. It is opened anew at
// each look, for the first ones fall into its making.
func head(t *testing.T, dir string) int64 {
	t.Helper()
	b, err := journal.View(t.Context(), filepath.Join(dir, "state", "journal.db"))
	if err != nil {
		return 0
	}
	defer b.Close()
	seq, _, err := b.Head(t.Context())
	if err != nil {
		return 0
	}
	return seq
}

func TestSecondInstanceIsRefused(t *testing.T) {
	dir, config := stage(t, 1)
	c := program(t, "run", "-c", config)
	must(t, c.Start())
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	waitFor(t, func() bool {
		_, err := os.Stat(filepath.Join(dir, "state", "journal.db"))
		return err == nil
	})
	if code, _, errs := run(t, "exchange", "-c", config); code != exitInstance {
		t.Errorf("exchange beside the daemon: exit %d %s, want %d", code, errs, exitInstance)
	}
	must(t, c.Process.Signal(os.Interrupt))
	must(t, <-ended)
}

// stoppable is a context that the test ends.
func stoppable(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	return ctx, stop
}

// waitFor looks every few milliseconds until ok, and fails after a minute.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	for !ok() {
		rounds.Wait(ctx, 10*time.Millisecond)
		if ctx.Err() != nil {
			t.Fatal("it did not happen within a minute")
		}
	}
}

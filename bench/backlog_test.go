package bench_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// BenchmarkBacklog begins to visit the banks when the office has left documents for a long time: how soon the first
// one is at its bank, how many follow in a minute, and what memory that takes.
func BenchmarkBacklog(b *testing.B) {
	bin := program(b)
	count, each := pick(3, 113), pick(40, 8850)
	p := newPractice(b, bin, count)
	if err := os.Remove(filepath.Join(p.dir, "keys", "official.key")); err != nil { // a million originals would be signed longer than they are sent
		b.Fatal(err)
	}
	p.sample(b, each)
	run := exec.CommandContext(b.Context(), bin, "exchange", "-c", p.config(), "--json", "--until", "answered")
	began := time.Now()
	if err := run.Start(); err != nil {
		b.Fatal(err)
	}
	for p.delivered(b) == 0 {
		if time.Since(began) > 2*time.Minute {
			b.Fatal("nothing was delivered in two minutes")
		}
		time.Sleep(20 * time.Millisecond)
	}
	first := time.Since(began)
	window := pick(time.Second, time.Minute)
	time.Sleep(window)
	followed := p.delivered(b)
	cpu, rss, most := look(b, run.Process.Pid)
	if err := run.Process.Signal(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
	_ = run.Wait() // it was told to stop, and says that documents are open
	p.stop(b)
	var t sheet
	t.add("documents that wait", "first delivery after s", fmt.Sprintf("delivered %v later", window), "RSS MB", "largest RSS MB", "CPU s so far")
	t.add(fmt.Sprint(count*each), number(first.Seconds()), fmt.Sprint(followed), number(rss), number(most), number(cpu.Seconds()))
	publish(b, "backlog", "A backlog", fmt.Sprintf("`exchange` is started on %d documents for each of %d banks in the office's inbox (without originals), the banks in "+
		"another process on the same processors; the daemon does the same when a slot is due. Delivered is what the banks' own ledgers say, from the start of the process.\n\n%s", each, count, t.String()))
}

// delivered counts the banks' ledgers; a line may be half written while they are at work.
func (p *practice) delivered(b *testing.B) (n int) {
	b.Helper()
	names, err := filepath.Glob(filepath.Join(p.dir, "banks", "*", "received.jsonl"))
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range text {
			if c == '\n' {
				n++
			}
		}
	}
	return n
}

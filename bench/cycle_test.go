package bench_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"bankconnector/banks/rehearsal"
	"bankconnector/internal/testkit"
)

// practice is a folder with rehearsal banks that run in a process of their own.
type practice struct {
	program, dir string
	count        int
	banks        *exec.Cmd
}

func newPractice(b *testing.B, program string, count int) *practice {
	b.Helper()
	return newPracticeIn(b, program, count, os.TempDir())
}

// newPracticeIn makes the folder within another one.
func newPracticeIn(b *testing.B, program string, count int, where string) *practice {
	b.Helper()
	dir, err := os.MkdirTemp(where, "practice-")
	if err != nil {
		b.Fatal(err)
	}
	p := &practice{program: program, dir: dir, count: count}
	b.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			b.Error(err)
		}
	})
	p.open(b)
	return p
}

// open starts the banks, for the first time or again.
func (p *practice) open(b *testing.B) {
	b.Helper()
	p.banks = exec.CommandContext(b.Context(), p.program, "rehearse", "--dir", p.dir, "--banks", fmt.Sprint(p.count), "--log", "error")
	out, err := p.banks.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := p.banks.Start(); err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "READY" {
		b.Fatalf("the rehearsal banks say %q", lines.Text())
	}
	go func() {
		for lines.Scan() { // a full pipe would stop them
		}
	}()
}

// stop ends the banks and tells what they used.
func (p *practice) stop(b *testing.B) time.Duration {
	b.Helper()
	if err := p.banks.Process.Signal(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
	_ = p.banks.Wait() // the code says by which signal it ended
	return p.banks.ProcessState.UserTime() + p.banks.ProcessState.SystemTime()
}

func (p *practice) config() string { return filepath.Join(p.dir, "config.yaml") }

// sample leaves documents for each bank in the inbox.
func (p *practice) sample(b *testing.B, documents int) {
	b.Helper()
	run(b, exec.CommandContext(b.Context(), p.program, "sample", "-c", p.config(), "--documents", fmt.Sprint(documents), "--seed", "7"))
}

// visited is what `exchange --json` says.
type visited struct {
	usage
	sent, taken, open int
}

// exchange visits the banks. Exit code 1 of a single round means that documents are still open; that is for the
// caller to judge by the numbers.
func (p *practice) exchange(b *testing.B, profile string, args ...string) visited {
	b.Helper()
	var out, errs bytes.Buffer
	c := exec.CommandContext(b.Context(), p.program, append([]string{"exchange", "-c", p.config(), "--json"}, args...)...)
	c.Stdout, c.Stderr = &out, &errs
	if profile != "" {
		c.Env = append(os.Environ(), "BENCH_PROFILE="+profile)
	}
	began := time.Now()
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	most := watch(c.Process.Pid)
	err := c.Wait()
	v := visited{usage: usage{wall: time.Since(began), rss: most()}}
	var result struct {
		Visits []struct{ Sent, Taken int } `json:"visits"`
		Open   int                         `json:"open"`
	}
	if json.Unmarshal(out.Bytes(), &result) != nil {
		b.Fatalf("exchange: %v\n%s%s", err, tail(out.String()), tail(errs.String()))
	}
	r := c.ProcessState.SysUsage().(*syscall.Rusage)
	v.cpu = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	for _, one := range result.Visits {
		v.sent += one.Sent
		v.taken += one.Taken
	}
	v.open = result.Open
	return v
}

// profiles are the files that say how to reach the banks.
func (p *practice) profiles(b *testing.B) []string {
	b.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "banks.d", "*.yaml"))
	if err != nil || len(files) == 0 {
		b.Fatalf("no banks in %s (%v)", p.dir, err)
	}
	return files
}

// rewrite changes the lines of a bank's profile that begin with a key.
func rewrite(b *testing.B, file string, lines map[string]string) {
	b.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	list, changed := strings.Split(string(text), "\n"), 0
	for i, line := range list {
		key, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		if to, ok := lines[key]; ok {
			list[i], changed = to, changed+1
		}
	}
	if changed != len(lines) {
		b.Fatalf("%d lines of %s were changed, want %d", changed, file, len(lines))
	}
	if err := os.WriteFile(file, []byte(strings.Join(list, "\n")), 0o640); err != nil {
		b.Fatal(err)
	}
}

// port is where a bank's profile says that it is met.
func port(b *testing.B, file string) int {
	b.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	m := portLine.FindSubmatch(text)
	if m == nil {
		b.Fatalf("no port in %s", file)
	}
	n, _ := strconv.Atoi(string(m[1])) // digits
	return n
}

var portLine = regexp.MustCompile(`(?m)^  port: (\d+)$`)

// far gives each bank's folders to a real OpenSSH sftp-server behind a relay, as the peers have it, with a profile for
// a long road: many files open at once. The back offices of the banks go on with the same folders.
func (p *practice) far(b *testing.B, rtt time.Duration) {
	b.Helper()
	for _, file := range p.profiles(b) {
		root := filepath.Join(p.dir, "banks", strings.TrimSuffix(filepath.Base(file), ".yaml"), "root")
		s := testkit.StartSSHD(b, testkit.SSHDOptions{
			External: true,
			Root:     &testkit.Root{Dir: root, ToBank: filepath.Join(root, "to-bank"), FromBank: filepath.Join(root, "from-bank")},
		})
		relay := testkit.StartRelay(b, net.JoinHostPort(s.Host, fmt.Sprint(s.Port)), rtt)
		rewrite(b, file, map[string]string{
			"port":     fmt.Sprintf("  port: %d\n  to_bank: %s\n  from_bank: %s", relay.Port, s.Root.ToBank, s.Root.FromBank),
			"user":     "  user: " + s.User,
			"key_file": "  key_file: " + s.Key.File,
			"- key":    "    - key: " + s.HostKeys[0].Line,
			"state":    "state: active\nlimits:\n  parallel: 256",
		})
	}
}

// answer lets the banks' back offices answer what they got, and stops them. Where they are met stays as it was.
func (p *practice) answer(b *testing.B) {
	b.Helper()
	stood := make(map[string][]byte)
	for _, file := range p.profiles(b) {
		text, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		stood[file] = text
	}
	p.open(b)
	p.quiet(b)
	p.stop(b)
	for file, text := range stood {
		if err := os.WriteFile(file, text, 0o640); err != nil {
			b.Fatal(err)
		}
	}
}

// received are the banks' own ledgers of documents, by БИК.
func (p *practice) received(b *testing.B) map[string][]rehearsal.Received {
	b.Helper()
	all := make(map[string][]rehearsal.Received)
	for _, file := range p.profiles(b) {
		bic := strings.TrimSuffix(filepath.Base(file), ".yaml")
		list, err := rehearsal.ReadLedger(filepath.Join(p.dir, "banks", bic, "received.jsonl"))
		if err != nil {
			b.Fatal(err)
		}
		all[bic] = list
	}
	return all
}

// quiet waits until the banks have said everything: their folders stay the same for a second.
func (p *practice) quiet(b *testing.B) {
	b.Helper()
	last, since := -1, time.Now()
	for time.Since(since) < time.Second {
		names, err := filepath.Glob(filepath.Join(p.dir, "banks", "*", "root", "*", "*.zip"))
		if err != nil {
			b.Fatal(err)
		}
		if len(names) != last {
			last, since = len(names), time.Now()
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// BenchmarkCycle is the whole way: the office's folder, seal, deliver, the bank's receipt and reply, verify, journal,
// hand over, our receipt; one process of ours, all banks in another one on the same processors.
func BenchmarkCycle(b *testing.B) {
	bin := program(b)
	count, each := pick(3, 113), pick(5, 20)
	n := count * each
	var profile string // of the last run
	grounds := []ground{{"the machine's own", os.TempDir()}}
	if j, ok := journaled(b); ok {
		grounds = append(grounds, j)
	}
	figures := make([]cycle, len(grounds))
	for range rounds() {
		for i, g := range grounds {
			profile = b.TempDir()
			figures[i].run(b, newPracticeIn(b, bin, count, g.dir), each, profile)
		}
	}
	var t sheet
	t.add("figure", "file system", "median", "all rounds")
	for i, g := range grounds {
		f := figures[i]
		t.add("whole exchanges a second", g.name, number(median(f.speed)), fmt.Sprintf("%.0f", f.speed))
		t.add("our CPU ms/exchange", g.name, number(median(f.cpu)), fmt.Sprintf("%.2f", f.cpu))
		t.add("the banks' CPU ms/exchange, with their start", g.name, number(median(f.theirs)), fmt.Sprintf("%.2f", f.theirs))
		t.add("our RSS, MB", g.name, number(median(f.rss)), fmt.Sprintf("%.0f", f.rss))
	}
	publish(b, "cycle", "The whole cycle", fmt.Sprintf("%d banks, %d documents each (orders with the bailiff's signed original, queries), ГОСТ Р 34.10-2012 256 everywhere. "+
		"An exchange is one document out, its receipt and reply in, our receipt out. The time is that of the process from start to end. Each exchange hands the office six files. "+
		"An ext4 without a journal, as some virtual machines have it, looks at each inode that was freed in the last seconds before it takes another one "+
		"(recently_deleted in the kernel's fs/ext4/ialloc.c); the banks of the bench free thousands on the same disk.\n\n%s\n"+
		"Where our processor time goes (last round, %s, profile):\n\n%s", count, each, t.String(), grounds[len(grounds)-1].name, stageTable(b, profile, n)))
}

// cycle is what the rounds on one file system took.
type cycle struct{ speed, cpu, theirs, rss []float64 }

func (c *cycle) run(b *testing.B, p *practice, each int, profile string) {
	b.Helper()
	n := float64(p.count * each)
	p.sample(b, each)
	v := p.exchange(b, profile, "--until", "answered")
	if v.open != 0 {
		b.Fatalf("%d documents are open", v.open)
	}
	for bic, list := range p.received(b) {
		if len(list) != each {
			b.Fatalf("bank %s got %d documents, want %d", bic, len(list), each)
		}
	}
	c.speed = append(c.speed, n/v.wall.Seconds())
	c.cpu = append(c.cpu, v.cpu.Seconds()*1e3/n)
	c.rss = append(c.rss, float64(v.rss)/(1<<20))
	c.theirs = append(c.theirs, p.stop(b).Seconds()*1e3/n)
}

// BenchmarkFar is one bank at a distance with everything on, beside the peers that move bare files.
func BenchmarkFar(b *testing.B) {
	bin := program(b)
	n := pick(20, 1600) // of the full number a thousand go: liftings wait for their arrests
	var text strings.Builder
	for _, rtt := range pick([]time.Duration{20 * time.Millisecond}, []time.Duration{20 * time.Millisecond, 80 * time.Millisecond}) {
		out, in, size := []float64{}, []float64{}, []float64{}
		peers := []client{uploaders()[2], uploaders()[3], uploaders()[4], uploaders()[5], fetchers()[2]}
		speed := make([][]float64, len(peers))
		s := newShore(b, rtt)
		for range rounds() {
			p := newPractice(b, bin, 1)
			p.stop(b) // its back office does not work while we are timed
			p.far(b, rtt)
			p.sample(b, n)
			v := p.exchange(b, "")
			out = append(out, float64(v.sent)/v.wall.Seconds())
			p.answer(b)
			w := p.exchange(b, "")
			in = append(in, float64(w.taken)/w.wall.Seconds())
			size = append(size, p.archived(b))
			for i, c := range peers {
				way := func(l load) (from, to string) { return l.local, l.remote }
				if i == len(peers)-1 {
					way = func(l load) (from, to string) { return l.remote, l.local }
				}
				perSecond, _ := lap(b, s, c, way, 4<<10, rtt)
				speed[i] = append(speed[i], perSecond)
			}
		}
		var t sheet
		t.add(fmt.Sprintf("%v round trip", rtt), "per second", "ours is × faster")
		t.add("ours: documents accepted, sealed, delivered", number(median(out)), "")
		for i, c := range peers[:4] {
			t.add(c.name+", bare 4 KB files", number(median(speed[i])), number(median(out)/median(speed[i])))
		}
		t.add("ours: receipts and replies taken, verified, handed over, receipts back", number(median(in)), "")
		t.add(peers[4].name+", bare 4 KB files", number(median(speed[4])), number(median(in)/median(speed[4])))
		fmt.Fprintf(&text, "%s\nOur envelopes: %.1f KB on average.\n\n", t.String(), median(size)/1024)
	}
	publish(b, "far", "One bank at a distance, everything on", "One process `exchange` from start to end over one connection to the real OpenSSH sftp-server, limits.parallel 256: "+
		"intake from the office's folder, GOST signatures, fsync, read back, journal with FULL durability.\n\n"+text.String())
}

// archived is the average size of what the banks got.
func (p *practice) archived(b *testing.B) float64 {
	b.Helper()
	names, err := filepath.Glob(filepath.Join(p.dir, "banks", "*", "archive", "*piev_*"))
	if err != nil || len(names) == 0 {
		b.Fatalf("nothing in the archive (%v)", err)
	}
	var sum int64
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			b.Fatal(err)
		}
		sum += info.Size()
	}
	return float64(sum) / float64(len(names))
}

// BenchmarkIdle is the daemon with nothing to do but to ask every bank once a minute.
func BenchmarkIdle(b *testing.B) {
	bin := program(b)
	var t sheet
	t.add("banks", "RSS MB", "largest RSS MB", "CPU of one core", "CPU ms/visit")
	for _, count := range pick([]int{3}, []int{113, 1000}) {
		p := newPractice(b, bin, count)
		run := exec.CommandContext(b.Context(), bin, "run", "-c", p.config(), "--log", "error")
		if err := run.Start(); err != nil {
			b.Fatal(err)
		}
		warm, window := pick(time.Second, 75*time.Second), pick(time.Second, 60*time.Second)
		time.Sleep(warm)
		before, _, _ := look(b, run.Process.Pid)
		time.Sleep(window)
		after, rss, most := look(b, run.Process.Pid)
		if err := run.Process.Signal(syscall.SIGTERM); err != nil {
			b.Fatal(err)
		}
		if err := run.Wait(); err != nil {
			b.Fatalf("the daemon ended with %v", err)
		}
		p.stop(b)
		spent := after - before
		t.add(fmt.Sprint(count), number(rss), number(most), fmt.Sprintf("%.2f %%", 100*spent.Seconds()/window.Seconds()), number(spent.Seconds()*1e3/float64(count)))
	}
	publish(b, "idle", "Idle, every bank visited once a minute", "The daemon beside rehearsal banks in another process; nothing to send, nothing to take. "+
		"A visit is a new connection: key exchange, login, listing, two events in the journal. One window of a minute.\n\n"+t.String())
}

// look reads processor time and memory (MB) of a process.
func look(b *testing.B, pid int) (cpu time.Duration, rss, most float64) {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const tick = 10 * time.Millisecond // of the kernel's accounting
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			b.Fatal(err)
		}
		cpu += time.Duration(n) * tick
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for _, line := range strings.Split(string(status), "\n") {
		var kb float64
		if _, err := fmt.Sscanf(line, "VmRSS: %f kB", &kb); err == nil {
			rss = kb / 1024
		}
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &kb); err == nil {
			most = kb / 1024
		}
	}
	return cpu, rss, most
}

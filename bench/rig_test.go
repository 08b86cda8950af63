// Package bench_test measures the program beside what people would use instead of it. Every figure
// stands beside its peer in the same run, in interleaved rounds; what is written down is the median and
// the ratio. `make bench` runs it and writes RESULTS.md; `make bench BENCH=short` runs a short form that
// writes nothing and fails only on errors, never on time.
//
// It may open every room but those that only main opens; the whole program it runs as a process.
package bench_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// short is the form for CI: everything runs, nothing is measured long enough to mean much.
func short() bool { return os.Getenv("BENCH_FORM") != "full" }

// pick chooses by form.
func pick[T any](inShort, inFull T) T {
	if short() {
		return inShort
	}
	return inFull
}

// rounds is how often each figure is taken: BENCH_ROUNDS, or three.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv("BENCH_ROUNDS")); err == nil && n > 0 {
		return n
	}
	return pick(1, 3)
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(list))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// number prints three significant digits.
func number(f float64) string {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0) || f < 0: // below what can be told from noise
		return "–"
	case f >= 100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}

// sheet is a table of a section.
type sheet struct{ rows [][]string }

func (s *sheet) add(cells ...string) { s.rows = append(s.rows, cells) }

// String is the table in Markdown; the first row is its head.
func (s *sheet) String() string {
	var b strings.Builder
	for i, r := range s.rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(r, " | "))
		if i == 0 {
			b.WriteString("|" + strings.Repeat("---|", len(r)) + "\n")
		}
	}
	return b.String()
}

const results = "RESULTS.md"

// publish puts a section into the results, in place of what an earlier run wrote there. The short form
// only prints it.
func publish(b *testing.B, name, title, text string) {
	b.Helper()
	section := fmt.Sprintf("## %s\n\n%s\n%s\n", title, conditions(b), strings.TrimSpace(text))
	fmt.Fprintf(os.Stderr, "\n%s\n", section)
	if short() {
		return
	}
	old, err := os.ReadFile(results)
	if err != nil && !os.IsNotExist(err) {
		b.Fatal(err)
	}
	if err := os.WriteFile(results, []byte(replace(string(old), name, section)), 0o644); err != nil {
		b.Fatal(err)
	}
}

// replace exchanges the text between the marks of a section, or appends it.
func replace(text, name, section string) string {
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->\n"
	section = begin + section + end
	before, rest, ok := strings.Cut(text, begin)
	if !ok {
		return strings.TrimRight(text, "\n") + "\n\n" + section
	}
	_, after, _ := strings.Cut(rest, end)
	return before + section + after
}

// conditions describes the machine and what else it does: the load is that of others and of us.
func conditions(b *testing.B) string {
	b.Helper()
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		b.Fatal(err)
	}
	var u syscall.Utsname
	if err := syscall.Uname(&u); err != nil {
		b.Fatal(err)
	}
	release := make([]byte, 0, len(u.Release))
	for _, c := range u.Release {
		if c == 0 {
			break
		}
		release = append(release, byte(c))
	}
	return fmt.Sprintf("%s; %d processors (%s), Linux %s, %s; load at the end %s; rounds: %d, medians.\n",
		time.Now().Format("2006-01-02 15:04"), runtime.NumCPU(), model(), release, runtime.Version(),
		strings.Join(strings.Fields(string(load))[:3], " "), rounds())
}

// model is the processor's name.
func model() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for _, line := range strings.Split(string(text), "\n") {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return runtime.GOARCH
}

// usage is what a process took.
type usage struct {
	wall, cpu time.Duration
	rss       int64 // largest, octets
}

// run runs a command to its end; its failure is the benchmark's.
func run(b *testing.B, c *exec.Cmd) usage {
	b.Helper()
	var out bytes.Buffer
	if c.Stdout == nil {
		c.Stdout = &out
	}
	c.Stderr = &out
	began := time.Now()
	err := c.Start()
	var u usage
	if err == nil {
		most := watch(c.Process.Pid)
		err = c.Wait()
		u.wall, u.rss = time.Since(began), most()
	}
	if err != nil {
		b.Fatalf("%s: %v\n%s", strings.Join(c.Args[:min(4, len(c.Args))], " "), err, tail(out.String()))
	}
	if r, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.cpu = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return u
}

// watch follows the largest memory of a process until most is called, in octets. What getrusage says of a child is never
// less than what its parent had when it was made.
func watch(pid int) (most func() int64) {
	end, told := make(chan struct{}), make(chan int64)
	go func() {
		var largest int64
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			if _, rest, ok := strings.Cut(string(status), "VmHWM:"); err == nil && ok {
				var kb int64
				if _, err := fmt.Sscan(rest, &kb); err == nil {
					largest = max(largest, kb<<10)
				}
			}
			select {
			case <-tick.C:
			case <-end:
				tick.Stop()
				told <- largest
				return
			}
		}
	}()
	return func() int64 {
		close(end)
		return <-told
	}
}

func tail(s string) string { return s[max(0, len(s)-2000):] }

// own is the processor time of this process.
func own(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// need finds a program of a Debian package, or fails with the command that installs it.
func need(b *testing.B, program, pack string) string {
	b.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		b.Fatalf("%s is missing; run: apt-get install -y %s", program, pack)
	}
	return path
}

// fill makes n files of that many random octets.
func fill(b *testing.B, dir string, n int, data []byte) {
	b.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, fileName(i)), data, 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

func fileName(i int) string { return fmt.Sprintf("rep_%06d.zip", i) }

// want fails unless a folder holds so many files.
func want(b *testing.B, dir string, n int) {
	b.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.zip"))
	if err != nil || len(names) != n {
		b.Fatalf("%s holds %d files, want %d (%v)", dir, len(names), n, err)
	}
}

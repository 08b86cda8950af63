package bench_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// profiler is compiled into the program for the bench alone, by an overlay: the product has no such door.
// The profile is cut every half second, so that the end of the process loses little of it.
const profiler = `package main

import (
	"fmt"
	"os"
	"runtime/pprof"
	"time"
)

func init() {
	dir := os.Getenv("BENCH_PROFILE")
	if dir == "" {
		return
	}
	go func() {
		for n := 0; ; n++ {
			f, err := os.Create(fmt.Sprintf("%s/%04d.pprof", dir, n))
			if err != nil || pprof.StartCPUProfile(f) != nil {
				return
			}
			time.Sleep(500 * time.Millisecond)
			pprof.StopCPUProfile()
			f.Close()
		}
	}()
}
`

// program is the program with the profiler in it, built once.
func program(b *testing.B) string {
	b.Helper()
	path, err := built()
	if err != nil {
		b.Fatal(err)
	}
	return path
}

var workshop string // where the program was built

// built builds once for all benchmarks; TestMain removes it.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "bench-program-")
	if err != nil {
		return "", err
	}
	workshop = dir
	out := filepath.Join(dir, "bankconnector")
	root, err := filepath.Abs("..")
	if err != nil {
		return out, err
	}
	source, overlay := filepath.Join(dir, "profiler.go"), filepath.Join(dir, "overlay.json")
	text := fmt.Sprintf(`{"Replace": {%q: %q}}`, filepath.Join(root, "connector", "profiler.go"), source)
	err = errors.Join(os.WriteFile(source, []byte(profiler), 0o600), os.WriteFile(overlay, []byte(text), 0o600))
	if err != nil {
		return out, err
	}
	c := exec.Command("go", "build", "-tags", "timetzdata,sqlite_omit_load_extension", "-overlay", overlay, "-o", out, "./connector")
	c.Dir = root
	if text, err := c.CombinedOutput(); err != nil {
		return out, fmt.Errorf("build the program: %w\n%s", err, text)
	}
	return out, nil
})

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if workshop != "" {
			_ = os.RemoveAll(workshop)
		}
		os.Exit(code)
	}))
}

// stageOf says where a frame of the program belongs; the innermost frame that is listed decides.
var stageOf = []struct{ prefix, stage string }{
	{"bankconnector/crypto/", "signatures"},
	{"bankconnector/connector/journal", "journal"},
	{"github.com/mattn/go-sqlite3", "journal"},
	{"bankconnector/connector/spool", "local files"},
	{"bankconnector/internal/durable", "local files"},
	{"bankconnector/formats/envelope", "envelopes (ZIP)"},
	{"bankconnector/formats", "XML"},
	{"bankconnector/banks/mailbox/line", "SSH"},
	{"golang.org/x/crypto/ssh", "SSH"},
	{"bankconnector/banks/mailbox", "SFTP"},
	{"github.com/pkg/sftp", "SFTP"},
	{"bankconnector/connector/flow", "flow itself"},
	{"bankconnector/", "other parts of the program"},
}

// stages sums the seconds of a profile by stage, from the text of `go tool pprof -traces`.
func stages(traces string) map[string]float64 {
	sum := make(map[string]float64)
	var seconds float64
	stage := ""
	flush := func() {
		if seconds > 0 {
			if stage == "" {
				stage = "Go runtime"
			}
			sum[stage] += seconds
		}
		seconds, stage = 0, ""
	}
	for _, line := range strings.Split(traces, "\n") {
		fields := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "-----"):
			flush()
			continue
		case len(fields) == 0:
			continue
		case len(fields) > 1 && seconds == 0:
			d, err := time.ParseDuration(fields[0])
			if err != nil {
				continue
			}
			seconds, fields = d.Seconds(), fields[1:]
		}
		for _, s := range stageOf {
			if stage == "" && seconds > 0 && strings.HasPrefix(fields[0], s.prefix) {
				stage = s.stage
			}
		}
	}
	flush()
	return sum
}

// stageTable is where the processor time of a profile went, for each of n documents.
func stageTable(b *testing.B, dir string, n int) string {
	b.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.pprof"))
	if err != nil {
		b.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(f string) bool { // the last one is cut off by the end of the process
		info, err := os.Stat(f)
		return err != nil || info.Size() == 0
	})
	if len(files) == 0 {
		return "The run was too short for a profile.\n"
	}
	text, err := exec.CommandContext(b.Context(), "go", append([]string{"tool", "pprof", "-traces"}, files...)...).Output()
	if err != nil {
		b.Fatal(err)
	}
	sum := stages(string(text))
	var whole float64
	for s := range maps.Values(sum) {
		whole += s
	}
	var t sheet
	t.add("stage", "CPU µs/exchange", "share")
	names := slices.SortedFunc(maps.Keys(sum), func(x, y string) int { return int(1e6 * (sum[y] - sum[x])) })
	for _, name := range names {
		t.add(name, number(1e6*sum[name]/float64(n)), fmt.Sprintf("%.0f %%", 100*sum[name]/whole))
	}
	return t.String()
}

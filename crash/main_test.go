// Package crash_test strikes the real program, as a process, against the real OpenSSH server: killed
// at every call by which it changes something, given disks that fail, cut from its power. After each
// stroke the program and the banks go on without faults until nothing is open, and the books are
// held against what the banks got.
//
// A sample runs with the plain tests; `make crash` runs everything. A point that failed replays alone:
//
//	CRASH_POINT=order-out/kill/137 go test -count=1 -v ./crash
package crash_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// asTracer makes the test binary be the tracer, by the order in the file that it names.
const asTracer = "CRASH_TRACER"

var workshop string // where the program was built

// built builds the program once for all tests.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "crash-program-")
	if err != nil {
		return "", err
	}
	workshop = dir
	out := filepath.Join(dir, "bankconnector")
	root, err := filepath.Abs("..")
	if err != nil {
		return out, err
	}
	c := exec.Command("go", "build", "-tags", "timetzdata,sqlite_omit_load_extension", "-o", out, "./connector")
	c.Dir = root
	if text, err := c.CombinedOutput(); err != nil {
		return out, errors.Join(fmt.Errorf("build the program: %w", err), errors.New(string(text)))
	}
	return out, nil
})

func TestMain(m *testing.M) {
	if path := os.Getenv(asTracer); path != "" {
		if err := tracerMain(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if workshop != "" {
			_ = os.RemoveAll(workshop)
		}
		os.Exit(code)
	}))
}

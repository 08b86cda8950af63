package main

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bankconnector/internal/testkit"
)

// mostMemory is what the program may ever hold in memory, whatever a bank's server does: VmHWM in KiB.
const mostMemory = 128 << 10

// TestMemoryBesideTheWorstServers runs the program, as a process of its own, beside servers
// that would fill its memory: it stays within 128 MiB, ends, and stays usable.
func TestMemoryBesideTheWorstServers(t *testing.T) {
	bin, big := released(t), make([]byte, 16<<20-4)
	_, err := rand.Read(big)
	must(t, err)
	for name, worst := range map[string]func(*testkit.Hostile){
		"names without end": func(h *testkit.Hostile) {
			n := 0
			onListing(h, func(r *testkit.Request) {
				page := make([]testkit.Name, 100)
				for i := range page {
					n++
					page[i] = testkit.Name{Name: fmt.Sprintf("rep_%d.zip", n), Size: 16 << 20, Mode: 0o100644}
				}
				r.Names(100, page...)
			})
			claims := 0
			h.On("rename", func(r *testkit.Request) {
				if claims++; claims > 5000 { // it would go on until the visit's time is up
					r.Drop()
					return
				}
				r.Status(2, "No such file")
			})
		},
		"huge names without end": func(h *testkit.Hostile) {
			onListing(h, func(r *testkit.Request) {
				r.Names(1, testkit.Name{Name: strings.Repeat("x", 120_000), Mode: 0o100644})
			})
		},
		"counts that lie": func(h *testkit.Hostile) {
			onListing(h, func(r *testkit.Request) { r.Names(1<<32-1, testkit.Name{Name: "rep_1.zip", Mode: 0o100644}) })
		},
		"small files that never end": func(h *testkit.Hostile) {
			offer(h, 100, []byte("PK\x03\x04......"))
			chunk := make([]byte, 32<<10)
			h.On("read", func(r *testkit.Request) { r.Data(chunk) })
		},
		"the largest files, all at once": func(h *testkit.Hostile) { offer(h, 10, big) },
		"bombs, all at once": func(h *testkit.Hostile) {
			for i := range 10 {
				h.Put(fmt.Sprintf("/from-bank/rep_%d.zip", i), zipBomb(t, i))
			}
		},
		"endless texts": func(h *testkit.Hostile) {
			text := strings.Repeat("\x1b[31mno", 30_000)
			offer(h, 100, []byte("PK"))
			h.On("rename", func(r *testkit.Request) { r.Status(4, text) })
		},
		"answers that nobody asked for": func(h *testkit.Hostile) {
			offer(h, 100, []byte("PK"))
			h.On("read", func(r *testkit.Request) {
				for range 2000 {
					r.ID += 1000
					r.Data(make([]byte, 32<<10))
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := testkit.NewHostile("/", "/to-bank", "/from-bank", "/from-bank/.claimed")
			worst(h)
			peak, out := besides(t, bin, h)
			t.Logf("%d MiB at most; %.300s", peak>>10, out)
			if peak == 0 || peak > mostMemory {
				t.Errorf("%d KiB at most, want no more than %d", peak, mostMemory)
			}
			if !slices.Contains(h.Seen(), "opendir /from-bank") {
				t.Errorf("the server was never asked: %q", h.Seen())
			}
		})
	}
}

func onListing(h *testkit.Hostile, fault func(*testkit.Request)) {
	h.On("readdir", func(r *testkit.Request) {
		if r.Path == "/from-bank" {
			fault(r)
			return
		}
		r.Status(1, "")
	})
}

// offer puts so many files into the bank's folder, each with the same content and an end of
// its own.
func offer(h *testkit.Hostile, count int, data []byte) {
	for i := range count {
		h.Put(fmt.Sprintf("/from-bank/rep_%d.zip", i), fmt.Appendf(nil, "%s%04d", data, i))
	}
}

// zipBomb is an archive of 64 MiB in the entries that an envelope may have: the most that is
// unpacked at all, from as few octets as are believed.
func zipBomb(t *testing.T, number int) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	part := bytes.Repeat([]byte(strings.Repeat("a", 900)+"0123456789abcdefghijklmnopqrstuvwxyz"), 10<<10)
	noise := make([]byte, 120<<10) // the ratio of an honest file
	_, err := rand.Read(noise)
	must(t, err)
	for i := range 6 {
		w, err := z.Create(fmt.Sprintf("rep_%d.xml.%d.sig", number, i))
		must(t, err)
		_, err = w.Write(append(part, noise...))
		must(t, err)
	}
	must(t, z.Close())
	return out.Bytes()
}

// besides runs one exchange with a bank whose server is h, and returns the most memory that
// the process held, in KiB, and what it said.
func besides(t *testing.T, bin string, h *testkit.Hostile) (peak int, said string) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	must(t, serve(t, dir, 1).Close()) // makes folders, keys and configuration
	s := testkit.StartServer(t, testkit.ServerOptions{Serve: h.Serve})
	h.Cut = s.Cut
	pointAt(t, filepath.Join(dir, "banks.d", onlyBank(t, dir)+".yaml"), &testkit.SSHD{
		Host: s.Host, Port: s.Port, User: s.User, Key: s.Key, HostKeys: s.HostKeys,
		Root: testkit.Root{ToBank: "/to-bank", FromBank: "/from-bank"},
	})
	c := exec.CommandContext(t.Context(), bin, "exchange", "-c", config, "--timeout", "20s")
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	must(t, c.Start())
	ended := make(chan struct{})
	go func() {
		_ = c.Wait() // how it ends is not the question here
		close(ended)
	}()
	beat := time.NewTicker(5 * time.Millisecond)
	defer beat.Stop()
	for {
		select {
		case <-ended:
			return peak, out.String()
		case <-beat.C:
			peak = max(peak, mostHeld(c.Process.Pid))
		}
	}
}

// released builds the program as people get it: the race detector of a test run takes
// several times the memory.
func released(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bankconnector")
	c := exec.CommandContext(t.Context(), "go", "build", "-tags", "timetzdata,sqlite_omit_load_extension", "-o", path, ".")
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, text)
	}
	return path
}

// mostHeld is VmHWM of a process in KiB; 0 when it is gone.
func mostHeld(pid int) (kib int) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	_, _ = fmt.Sscanf(after, "%d kB", &kib)
	return kib
}

package entry

import (
	"os"
	"runtime/debug"
)

// mostHeap is how much the Go side of the program may take before it collects its garbage
// more often, in octets: what one bank's largest archive becomes, and what the program needs
// besides. SQLite's pages stand beside it. GOMEMLIMIT overrides it.
const mostHeap = 80 << 20

// gcPercent lets garbage grow to several times what is in use before it is collected: what is in use is a few
// megabytes, and mostHeap bounds the rest. GOGC overrides it.
const gcPercent = 400

// BoundMemory holds the process to both.
func BoundMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(mostHeap)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// mostStreaming is mostHeap for Frugal. What is in use is five megabytes at most; the collector, kept waiting by a busy
// machine, takes what was made meanwhile for in use as well, and would let twice as much come together the next time.
const mostStreaming = 20 << 20

// Frugal is for a command that streams through very much: its garbage is collected when it is as much as what is in use,
// and little of it in any case.
func Frugal() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(mostStreaming)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(100)
	}
}

// Revision is the commit that the program was built from, where the build knows it.
func Revision() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return ""
}

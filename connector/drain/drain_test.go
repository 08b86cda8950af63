package drain

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func told(to io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key != "lost" {
			return slog.Attr{}
		}
		return a
	}}))
}

// TestNobodyReads: writers never wait for a reader; when he comes he gets the oldest lines in
// their order, hears how many are missing, and then the newest.
func TestNobodyReads(t *testing.T) {
	for name, line := range map[string]string{"ManyLines": "line", "LongLines": strings.Repeat("x", 10<<10)} {
		t.Run(name, func(t *testing.T) {
			reader, writer := io.Pipe()
			w := New(writer, told)
			const each, writers = 2000, 4
			var group sync.WaitGroup
			for range writers {
				group.Go(func() {
					for range each {
						if n, err := w.Write([]byte(line + "\n")); n != len(line)+1 || err != nil {
							t.Errorf("%d, %v", n, err)
						}
					}
				})
			}
			group.Wait() // in the background nobody has read yet
			lost, got := int64(0), int64(0)
			in := bufio.NewScanner(reader)
			for lost == 0 && in.Scan() {
				if _, err := fmt.Sscanf(in.Text(), "lost=%d", &lost); err != nil {
					got++
				}
			}
			if got != 1 {
				t.Errorf("%d lines before people hear that some are missing, want the one that waited for them", got)
			}
			if lost < each {
				t.Errorf("%d lines were dropped of %d", lost, each*writers)
			}
			for ; got+lost < each*writers && in.Scan(); got++ {
				if in.Text() != line {
					t.Fatalf("%.40q among the lines that were held", in.Text())
				}
			}
			_, _ = w.Write([]byte("the newest\n"))
			if !in.Scan() || in.Text() != "the newest" {
				t.Errorf("%.40q after all that was held", in.Text())
			}
			w.Close()
			_ = reader.Close()
		})
	}
}

// TestCloseWaitsForNobody: what is held when the process ends is passed on, unless nobody reads.
func TestCloseWaitsForNobody(t *testing.T) {
	var text strings.Builder
	w := New(&text, told)
	for i := range 100 {
		_, _ = fmt.Fprintf(w, "%d\n", i)
	}
	w.Close()
	w.Close()
	if n := strings.Count(text.String(), "\n"); n != 100 {
		t.Errorf("%d lines, want 100", n)
	}
	if _, err := w.Write([]byte("late\n")); err != nil || strings.Contains(text.String(), "late") {
		t.Errorf("after the end: %v", err)
	}
	reader, writer := io.Pipe()
	w = New(writer, told)
	_, _ = w.Write([]byte("nobody reads this\n"))
	w.Close()
	_ = reader.Close()
	<-w.done
}

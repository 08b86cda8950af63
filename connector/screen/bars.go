// Package screen shows a person how visits go: bars on a terminal, plain lines elsewhere.
// It may call flow and banks, whose words it prints.
package screen

import (
	"fmt"
	"io"
	"sync"

	"github.com/jedib0t/go-pretty/v6/progress"
	"golang.org/x/term"

	"bankconnector/banks"
	"bankconnector/connector/flow"
)

// Is tells whether what is written there appears on a terminal.
func Is(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}

// Bars shows the progress of visits: a bar for each bank on a terminal, a plain line for
// each visit otherwise.
type Bars struct {
	out   io.Writer
	say   func(en, ru string) string
	names map[banks.ID]string

	mu       sync.Mutex
	writer   progress.Writer // nil: not a terminal
	trackers map[banks.ID]*progress.Tracker
	earlier  map[banks.ID]int // of the bank's earlier visits
	done     chan struct{}
}

// maxBars is how many banks fit a screen; more of them share one bar.
const maxBars = 30

// NewBars shows visits to the banks of list on out; say picks the person's language. A
// program that reads the output (--json) gives [io.Discard].
func NewBars(out io.Writer, terminal bool, list []*banks.Bank, say func(en, ru string) string) *Bars {
	b := &Bars{out: out, say: say, names: make(map[banks.ID]string), trackers: make(map[banks.ID]*progress.Tracker), earlier: make(map[banks.ID]int)}
	for _, bank := range list {
		b.names[bank.BIC] = bank.Name
	}
	if !terminal {
		return b
	}
	b.writer = progress.NewWriter()
	b.writer.SetOutputWriter(out)
	b.writer.SetStyle(progress.StyleBlocks)
	b.writer.Style().Visibility.Percentage = false
	b.writer.SetTrackerPosition(progress.PositionRight)
	b.writer.SetAutoStop(false)
	b.done = make(chan struct{})
	go func() {
		b.writer.Render()
		close(b.done)
	}()
	return b
}

// Step moves a bank's bar; it is called from many visits at once.
func (b *Bars) Step(p flow.Progress) {
	if b.writer == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tracker(p.Bank).SetValue(int64(b.earlier[p.Bank] + p.Sent + p.Taken))
}

func (b *Bars) tracker(id banks.ID) *progress.Tracker {
	name := string(id) + " " + b.names[id]
	if len(b.names) > maxBars {
		id, name = "", b.say("all banks", "все банки")
	}
	t := b.trackers[id]
	if t == nil {
		t = &progress.Tracker{Message: name, Units: progress.UnitsDefault}
		b.trackers[id] = t
		b.writer.AppendTracker(t)
	}
	return t
}

// Visited prints the line of a visit that is over.
func (b *Bars) Visited(o flow.Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.earlier[o.Bank] += o.Sent + o.Taken
	if b.writer != nil && o.Err == nil {
		return
	}
	line := fmt.Sprintf(b.say("%s %s: sent %d, taken %d", "%s %s: отправлено %d, принято %d"), o.Bank, b.names[o.Bank], o.Sent, o.Taken)
	if o.Err != nil {
		line += ": " + o.Err.Error()
	}
	if b.writer != nil {
		b.writer.Log(line)
		return
	}
	_, _ = fmt.Fprintln(b.out, line) // a line of progress that is lost stops nothing
}

// Close completes the bars and leaves the screen to others.
func (b *Bars) Close() {
	if b.writer == nil {
		return
	}
	b.mu.Lock()
	for _, t := range b.trackers {
		t.MarkAsDone()
	}
	b.mu.Unlock()
	b.writer.Stop()
	<-b.done
}

package main

import (
	"fmt"
	"sync"

	"github.com/jedib0t/go-pretty/v6/progress"

	"bankconnector/banks"
	"bankconnector/connector/flow"
)

// bars shows a visit's progress: a bar for each bank on a terminal, a plain line for
// each visit otherwise, nothing with --json.
type bars struct {
	app   *app
	names map[banks.ID]string

	mu       sync.Mutex
	writer   progress.Writer // nil: not a terminal
	trackers map[banks.ID]*progress.Tracker
	earlier  map[banks.ID]int // of the bank's earlier visits
	done     chan struct{}
}

// maxBars is how many banks fit a screen; more of them share one bar.
const maxBars = 30

func (a *app) newBars(list []*banks.Bank) *bars {
	b := &bars{app: a, names: make(map[banks.ID]string), trackers: make(map[banks.ID]*progress.Tracker), earlier: make(map[banks.ID]int)}
	for _, bank := range list {
		b.names[bank.BIC] = bank.Name
	}
	if a.json || !a.terminal() {
		return b
	}
	b.writer = progress.NewWriter()
	b.writer.SetOutputWriter(a.out)
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

// step is called from many visits at once.
func (b *bars) step(p flow.Progress) {
	if b.writer == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tracker(p.Bank).SetValue(int64(b.earlier[p.Bank] + p.Sent + p.Taken))
}

func (b *bars) tracker(id banks.ID) *progress.Tracker {
	name := string(id) + " " + b.names[id]
	if len(b.names) > maxBars {
		id, name = "", b.app.say("all banks", "все банки")
	}
	t := b.trackers[id]
	if t == nil {
		t = &progress.Tracker{Message: name, Units: progress.UnitsDefault}
		b.trackers[id] = t
		b.writer.AppendTracker(t)
	}
	return t
}

// visited prints the line of a visit that is over.
func (b *bars) visited(o flow.Outcome) {
	if b.app.json {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.earlier[o.Bank] += o.Sent + o.Taken
	if b.writer != nil && o.Err == nil {
		return
	}
	line := fmt.Sprintf(b.app.say("%s %s: sent %d, taken %d", "%s %s: отправлено %d, принято %d"), o.Bank, b.names[o.Bank], o.Sent, o.Taken)
	if o.Err != nil {
		line += ": " + o.Err.Error()
	}
	if b.writer != nil {
		b.writer.Log(line)
		return
	}
	b.app.printf("%s\n", line)
}

func (b *bars) close() {
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

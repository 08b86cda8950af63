package rehearsal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"bankconnector/crypto/cms"
	"bankconnector/formats"
	"bankconnector/formats/envelope"
)

// batch is how many files one pass takes before other banks get their turn.
const batch = 64

// lateness is the delay of the quirks that are late.
const lateness = 3 * time.Second

// marker is the suffix by which a client that cannot rename says "finished".
const marker = ".done"

// errClosed ends the work of an office whose rehearsal was closed.
var errClosed = errors.New("rehearsal closed")

// office is the back office of one bank. One goroutine does its work; the fields of
// the first group belong to it alone. The folder wakes it when a file is ready, so an
// idle bank costs nothing.
type office struct {
	config   *Config
	bank     Bank
	habits   habits
	dir      string
	gauge    *gauge
	slots    chan struct{} // bounds how many offices work at once
	stranger *cms.Signer   // signs for wrong-signer
	foreign  string        // BIC for foreign-reply

	received, receipts, sent *ledger
	state                    memory

	mu     sync.Mutex // guards what follows
	signal chan struct{}
	dirty  bool // a file may wait in to-bank
	work   bool // a pass is running
	active bool // counted in gauge
	ready  []task
	timers map[*time.Timer]bool
	open   map[string]int // files of to-bank being written
	torn   map[string]bool
	err    error // why the office stands still
}

// task is one thing to do for a reply, now or later.
type task func(ctx context.Context) error

// arrival is one file that was taken into the archive.
type arrival struct {
	number int64
	name   string
}

// file is the name of the copy in archive/.
func (a arrival) file() string { return fmt.Sprintf("%08d_%s", a.number, a.name) }

// neighbours finds who signs and who is named when this bank confuses itself with
// another one.
func (o *office) neighbours(banks []Bank, i int) error {
	o.stranger, o.foreign = o.config.Stranger, "044525000"
	if other := banks[(i+1)%len(banks)]; len(banks) > 1 {
		o.stranger, o.foreign = cmp.Or(o.stranger, other.Signer), other.Sample.BIC
	}
	if o.habits[quirkWrongSigner] && o.stranger == nil {
		return fmt.Errorf("quirk %s needs Config.Stranger or a second bank", quirkWrongSigner)
	}
	return nil
}

// run works until ctx ends.
func (o *office) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.signal:
		}
		select {
		case <-ctx.Done():
			return
		case o.slots <- struct{}{}:
		}
		tasks := o.begin()
		err := o.pass(ctx, tasks)
		<-o.slots
		if ctx.Err() != nil {
			return
		}
		if o.end(err); err != nil {
			// The memory may disagree with the disk now. The next Start reads the disk again.
			o.config.Log.LogAttrs(ctx, slog.LevelError, "back office stands still", slog.String("bank", o.bank.Sample.BIC), slog.Any("err", err))
			return
		}
	}
}

func (o *office) begin() []task {
	o.mu.Lock()
	defer o.mu.Unlock()
	tasks := o.ready
	o.ready, o.dirty, o.work = nil, false, true
	return tasks
}

func (o *office) end(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.work, o.err = false, err
	o.settle()
}

// settle counts the office in or out. The caller holds mu.
func (o *office) settle() {
	active := o.err == nil && (o.dirty || o.work || len(o.ready) > 0 || len(o.timers) > 0)
	if active != o.active {
		o.active = active
		o.gauge.add(map[bool]int{true: 1, false: -1}[active])
	}
}

// wake makes the office look into to-bank.
func (o *office) wake() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dirty = true
	o.ring()
}

// ring starts a pass. The caller holds mu.
func (o *office) ring() {
	o.settle()
	select {
	case o.signal <- struct{}{}:
	default:
	}
}

// later puts a task into a pass after d.
func (o *office) later(d time.Duration, t task) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if d <= 0 {
		o.ready = append(o.ready, t)
		o.ring()
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.timers[timer] {
			delete(o.timers, timer)
			o.ready = append(o.ready, t)
			o.ring()
		}
	})
	o.timers[timer] = true
	o.settle()
}

func (o *office) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		return nil
	}
	return fmt.Errorf("bank %s: %w", o.bank.Sample.BIC, o.err)
}

// close is called after run has returned.
func (o *office) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for t := range o.timers {
		t.Stop()
	}
	clear(o.timers)
	o.err = errClosed
	o.settle()
	return errors.Join(o.received.Close(), o.receipts.Close(), o.sent.Close())
}

// opened keeps a file that is being written from being taken.
func (o *office) opened(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open[name]++
	delete(o.torn, name)
}

// closed lets a file that was written to its end be taken, if its name is final.
func (o *office) closed(name string, end ending) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open[name]--; o.open[name] <= 0 {
		delete(o.open, name)
	}
	switch {
	case end == endTorn:
		o.torn[name] = true
	case end == endWhole && o.final(name) != "":
		o.dirty = true
		o.ring()
	}
}

// moved is the usual way in which a file arrives.
func (o *office) moved(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.torn, name)
	if o.final(name) != "" {
		o.dirty = true
		o.ring()
	}
}

// taken is where duplicate-replies puts a reply back.
func (o *office) taken(name string) {
	if base := path.Base(name); o.habits[quirkDuplicates] && path.Dir(name) == fromBank {
		o.later(o.config.late()/10, func(context.Context) error { return o.repeat(base) })
	}
}

// final returns the envelope's name that a name in to-bank makes ready, or "": its
// own for a bank that understands renames, that of the marker's file for one that
// does not.
func (o *office) final(name string) string {
	name, ok := strings.CutPrefix(name, toBank+"/")
	if o.habits[quirkNoRename] && ok {
		name, ok = strings.CutSuffix(name, marker)
	}
	prefix, _, err := envelope.ParseName(name)
	if _, known := formats.KindByPrefix(prefix); !ok || err != nil || !known {
		return ""
	}
	return name
}

// pass takes what waits in to-bank, records it, and does the tasks that are due,
// those of the files just taken among them.
func (o *office) pass(ctx context.Context, tasks []task) error {
	found, err := o.scan()
	if err != nil {
		return fmt.Errorf("scan to-bank: %w", err)
	}
	if err := o.take(ctx, found); err != nil {
		return fmt.Errorf("take files: %w", err)
	}
	for _, t := range tasks {
		if err := errors.Join(ctx.Err(), t(ctx)); err != nil {
			return fmt.Errorf("reply: %w", err)
		}
	}
	return nil
}

// scan lists the files that are ready, by name, no more than a batch of them.
func (o *office) scan() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(o.dir, "root", toBank))
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for _, e := range entries {
		if e.Type().IsRegular() {
			there[e.Name()] = true
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var found []string
	for name := range there {
		final := o.final(toBank + "/" + name)
		in := toBank + "/" + final
		if final == "" || o.open[in] > 0 || o.torn[in] {
			continue
		}
		found = append(found, final)
	}
	slices.Sort(found)
	if len(found) > batch {
		found, o.dirty = found[:batch], true
		o.ring()
	}
	return found, nil
}

// take moves files into the archive, judges them together with those that a kill
// left there unjudged, and records them all with one sync.
func (o *office) take(ctx context.Context, found []string) error {
	list := o.state.backlog
	o.state.backlog = nil
	for _, name := range found {
		a := arrival{o.state.arrivals + 1, name}
		err := os.Rename(filepath.Join(o.dir, "root", toBank, name), filepath.Join(o.dir, "archive", a.file()))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		// A crash here leaves the file in the archive without a line: the next start judges it.
		if o.habits[quirkNoRename] {
			if err := os.Remove(filepath.Join(o.dir, "root", toBank, name+marker)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		if err == nil {
			o.state.arrivals++
			list = append(list, a)
		}
	}
	return o.record(ctx, list)
}

// record judges arrivals, writes their lines and plans the replies.
func (o *office) record(ctx context.Context, list []arrival) error {
	if len(list) == 0 {
		return nil
	}
	if err := o.step("taken"); err != nil {
		return err
	}
	var documents, receipts []any
	var todo []judgement
	for _, a := range list {
		j, err := o.judge(a)
		if err != nil {
			return err
		}
		if j.line.Kind == string(formats.KindReceipt) {
			receipts = append(receipts, j.line)
			continue
		}
		documents, todo = append(documents, j.line), append(todo, j)
	}
	if err := errors.Join(o.step("judged"), ctx.Err()); err != nil {
		return err
	}
	if len(documents) > 0 {
		if err := o.received.add(true, documents...); err != nil {
			return err
		}
	}
	if len(receipts) > 0 {
		if err := o.receipts.add(true, receipts...); err != nil {
			return err
		}
	}
	// A crash here leaves lines without replies: the next start plans the replies again.
	if err := o.step("recorded"); err != nil {
		return err
	}
	for _, j := range todo {
		o.schedule(j.line, o.plan(j.line, j.doc))
	}
	return nil
}

// step is where a test ends the world.
func (o *office) step(name string) error {
	if o.config.hook == nil {
		return nil
	}
	return o.config.hook(o.bank.Sample.BIC, name)
}

// parseArrival reads a name of the archive.
func parseArrival(name string) (arrival, bool) {
	digits, rest, ok := strings.Cut(name, "_")
	n, err := strconv.ParseInt(digits, 10, 64)
	return arrival{n, rest}, ok && err == nil && n > 0
}

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

	"bankconnector/banks/rehearsal/host"
	"bankconnector/banks/rehearsal/letter"
	"bankconnector/banks/rehearsal/turns"
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

// office is the back office of one bank. One goroutine does its work; all fields down
// to state belong to it alone. The folder wakes it when a file is ready, so an
// idle bank costs nothing.
type office struct {
	*turns.Worker

	config   *Config
	bank     *Bank
	habits   habits
	dir      string
	reader   letter.Reader
	stranger *cms.Signer // signs for wrong-signer
	foreign  string      // BIC for foreign-reply

	received, receipts, sent *ledger
	state                    memory

	mu     sync.Mutex     // guards what follows
	writes map[string]int // files of to-bank being written
	torn   map[string]bool
}

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
	if other := &banks[(i+1)%len(banks)]; len(banks) > 1 {
		o.stranger, o.foreign = cmp.Or(o.stranger, other.Signer), other.Sample.BIC
	}
	if o.habits[quirkWrongSigner] && o.stranger == nil {
		return fmt.Errorf("quirk %s needs Config.Stranger or a second bank", quirkWrongSigner)
	}
	return nil
}

// run works until ctx ends, or until something fails: then the memory may disagree
// with the disk, which the next Start reads again.
func (o *office) run(ctx context.Context) {
	o.Run(ctx, o.pass)
	if err := o.Err(); err != nil {
		o.config.Log.LogAttrs(ctx, slog.LevelError, "back office stands still", slog.String("bank", o.bank.Sample.BIC), slog.Any("err", err))
	}
}

// now is the time that goes into ledgers and manifests.
func (o *office) now() time.Time { return o.config.Now().UTC().Truncate(time.Millisecond) }

// local is a time of the ledger by the calendar that dates documents.
func (o *office) local(at time.Time) time.Time { return at.In(o.config.Now().Location()) }

func (o *office) failure() error {
	if err := o.Err(); err != nil {
		return fmt.Errorf("bank %s: %w", o.bank.Sample.BIC, err)
	}
	return nil
}

// close is called after run has returned.
func (o *office) close() error {
	o.Stop()
	return errors.Join(o.received.Close(), o.receipts.Close(), o.sent.Close())
}

// Opened keeps a file that is being written from being taken.
func (o *office) Opened(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writes[name]++
	delete(o.torn, name)
}

// Closed lets a file that was written to its end be taken, if its name is final.
func (o *office) Closed(name string, end host.Ending) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.writes[name]--; o.writes[name] <= 0 {
		delete(o.writes, name)
	}
	switch {
	case end == host.Torn:
		o.torn[name] = true
	case end == host.Whole && o.final(name) != "":
		o.Wake()
	}
}

// Moved is the usual way in which a file arrives.
func (o *office) Moved(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if delete(o.torn, name); o.final(name) != "" {
		o.Wake()
	}
}

// Taken is where duplicate-replies puts a reply back.
func (o *office) Taken(name string) {
	if base := path.Base(name); o.habits[quirkDuplicates] && path.Dir(name) == host.FromBank {
		o.Later(0, func(context.Context) error { return o.repeat(base) })
	}
}

// final returns the envelope's name that a name in to-bank makes ready, or "": its
// own for a bank that understands renames, that of the marker's file for one that
// does not.
func (o *office) final(name string) string {
	name, ok := strings.CutPrefix(name, host.ToBank+"/")
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
func (o *office) pass(ctx context.Context, tasks []turns.Task) error {
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
	entries, err := os.ReadDir(filepath.Join(o.dir, "root", host.ToBank))
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
		final := o.final(host.ToBank + "/" + name)
		in := host.ToBank + "/" + final
		if final == "" || o.writes[in] > 0 || o.torn[in] {
			continue
		}
		found = append(found, final)
	}
	slices.Sort(found)
	if len(found) > batch {
		found = found[:batch]
		o.Wake()
	}
	return found, nil
}

// take moves files into the archive, judges them together with those that a kill
// left there unjudged, and records them all with one sync.
func (o *office) take(ctx context.Context, found []string) error {
	list := o.state.backlog
	o.state.backlog = nil
	for _, name := range found {
		a, err := o.file(name)
		if err != nil {
			return err
		}
		if a.number > 0 {
			list = append(list, a)
		}
	}
	return o.record(ctx, list)
}

// file moves one file into the archive; a file that the client took back meanwhile is
// no arrival.
func (o *office) file(name string) (arrival, error) {
	source := filepath.Join(o.dir, "root", host.ToBank, name)
	a := arrival{o.state.arrivals + 1, name}
	if err := os.Rename(source, filepath.Join(o.dir, "archive", a.file())); err != nil {
		if _, look := os.Lstat(source); errors.Is(look, os.ErrNotExist) {
			return arrival{}, nil
		}
		return arrival{}, err
	}
	// A crash here leaves the file in the archive without a line: the next start judges it.
	o.state.arrivals++
	if !o.habits[quirkNoRename] {
		return a, nil
	}
	if err := os.Remove(source + marker); err != nil && !errors.Is(err, os.ErrNotExist) {
		return arrival{}, err
	}
	return a, nil
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
		o.tell(ctx, j.line)
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
		o.schedule(j.line, o.plan(j))
	}
	return nil
}

// tell logs what the bank thinks of a file; reasons hold no personal data.
func (o *office) tell(ctx context.Context, line Received) {
	level := slog.LevelDebug
	if line.Verdict != accepted {
		level = slog.LevelWarn
	}
	o.config.Log.LogAttrs(ctx, level, "file taken", slog.String("bank", o.bank.Sample.BIC), slog.String("file", line.File),
		slog.String("doc", line.InternalKey), slog.String("verdict", line.Verdict), slog.String("reason", line.Reason))
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

package evidence

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"bankconnector/connector/evidence/note"
	"bankconnector/connector/evidence/outlet"
	"bankconnector/connector/journal"
	"bankconnector/connector/journal/volume"
	"bankconnector/internal/durable"
)

const (
	maxEvents = 10                    // without a checkpoint
	maxWait   = 60 * time.Second      // of activity without a checkpoint
	beat      = time.Second           // between two looks while something waits
	pace      = 50 * time.Millisecond // between two checkpoints of a busy journal

	// MaxStuck is how long checkpoints may stay on this machine before nothing is sent any more.
	MaxStuck = 4 * time.Hour
)

// ErrWitness reports a journal that a checkpoint contradicts.
var ErrWitness = errors.New("the journal is not the one that was written here")

// Keeping is how checkpoints are kept.
type Keeping struct {
	Key      *note.Key
	Instance string   // name of this installation
	File     string   // the installation's own, beside the journal
	Outside  []string // files elsewhere
	Logs     []outlet.Log
	Waiting  string // file that says since when checkpoints could not leave, over a restart
	Now      func() time.Time
	Log      *slog.Logger
}

// Keeper writes a checkpoint of a journal as soon as ten events have none, though not more
// often than twenty times a second; after a minute when they are fewer; and at the end. It
// never holds up a writer.
type Keeper struct {
	Keeping
	book    *journal.Book
	origin  string
	own     *note.File
	out     []*outlet.Outlet
	last    int64     // event of the newest checkpoint
	left    int64     // event of the newest one that has left
	pending time.Time // since when there are events after it; zero if there are none
	final   func() error
	stop    context.CancelFunc
	done    chan struct{}

	mu    sync.Mutex
	stuck time.Time // since when checkpoints that are due have not left; zero: they leave
	why   error
	alarm bool // the journal knows that sending stands still
	head  note.Signed
}

// Keep holds the newest checkpoint of every file against the journal and begins to write
// new ones. The error is ErrWitness when the journal does not pass through one of them:
// its end was cut off, an old copy was put back, or it was written anew. A file outside
// that cannot be reached now is no error: it is tried again with every checkpoint.
func Keep(ctx context.Context, book *journal.Book, o Keeping) (*Keeper, error) {
	lasting := context.WithoutCancel(ctx)
	k := &Keeper{Keeping: o, book: book, origin: note.Named(o.Instance), done: make(chan struct{})}
	fits := func(c note.Checkpoint) error { return extends(lasting, book, c) }
	for _, path := range append([]string{o.File}, o.Outside...) {
		if err := k.join(ctx, path, fits); err != nil {
			return nil, err
		}
	}
	for _, path := range o.Outside {
		k.out = append(k.out, outlet.File(path, fits))
	}
	for _, l := range o.Logs {
		k.out = append(k.out, outlet.Syslog(l, o.Instance, o.Now))
	}
	var err error
	if k.stuck, err = readWaiting(o.Waiting); err != nil {
		return nil, err
	}
	if k.own, err = note.Open(o.File); err != nil {
		return nil, fmt.Errorf("open checkpoints: %w", err)
	}
	work, stop := context.WithCancel(lasting)
	k.final, k.stop = func() error { return errors.Join(k.look(lasting, true), k.shut(lasting)) }, stop
	if !k.stuck.IsZero() { // perhaps they leave by now, and then nothing must wait for the next event
		if err := k.look(ctx, true); err != nil {
			k.Log.ErrorContext(ctx, "no checkpoint of the journal", slog.Any("err", err))
		}
	}
	go k.run(work)
	return k, nil
}

// join proves that the journal goes on from a file's newest checkpoint.
func (k *Keeper) join(ctx context.Context, path string, fits func(note.Checkpoint) error) error {
	known, ok, err := outlet.Newest(path)
	if err != nil && path != k.File {
		k.Log.WarnContext(ctx, "checkpoints outside cannot be read now", slog.Any("err", err))
		return nil
	}
	if err != nil {
		return fmt.Errorf("read checkpoints: %w", err)
	}
	if !ok {
		return nil
	}
	if err := fits(known.Checkpoint); err != nil {
		return fmt.Errorf("%w: %w; checkpoint in %s. Keep both files as they are, run journal verify, put back the newest journal. "+
			"If a person decides to go on without the lost events: bankconnector journal adopt, then start again", ErrWitness, err, path)
	}
	k.last = max(k.last, known.Seq)
	return nil
}

// extends tells whether a journal passes through a checkpoint.
func extends(ctx context.Context, book *journal.Book, c note.Checkpoint) error {
	hash, err := book.Hash(ctx, c.Seq)
	if errors.Is(err, journal.ErrNotFound) {
		return fmt.Errorf("event %d is missing: the end was cut off, or an old copy was put in place", c.Seq)
	}
	if errors.Is(err, volume.ErrRetired) {
		return nil // nobody can hold it against that event any more; newer checkpoints cover the chain
	}
	if err != nil {
		return err
	}
	if hash != c.Hash {
		return fmt.Errorf("event %d has another hash: the journal was written anew", c.Seq)
	}
	return nil
}

// run looks when the journal has grown, and while something waits.
func (k *Keeper) run(ctx context.Context) {
	defer close(k.done)
	for {
		var soon <-chan time.Time
		if !k.pending.IsZero() || k.left < k.last {
			soon = time.After(beat)
		}
		select {
		case <-ctx.Done():
			return
		case <-k.book.Grown():
		case <-soon:
		}
		if err := k.look(ctx, false); err != nil && ctx.Err() == nil {
			k.Log.ErrorContext(ctx, "no checkpoint of the journal", slog.Any("err", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pace):
		}
	}
}

// look writes a checkpoint when it is due, or in any case when it is the last one, and
// sends out the newest one that has not left.
func (k *Keeper) look(ctx context.Context, end bool) error {
	seq, _ := k.book.Latest()
	if seq <= k.last && k.left >= k.last {
		return nil
	}
	if k.pending.IsZero() && seq > k.last {
		k.pending = k.Now()
	}
	due := seq > k.last && (end || seq-k.last >= maxEvents || k.Now().Sub(k.pending) >= maxWait)
	if !due && k.left >= k.last {
		return nil
	}
	newest, err := k.Head()
	if err == nil && due {
		// The journal is on the disk by now: a crash here leaves events without a checkpoint, never the reverse.
		if err = k.own.Add(newest.Raw); err == nil {
			k.last, k.pending = newest.Seq, time.Time{}
		}
	}
	if err == nil {
		err = k.send(ctx, newest)
	}
	return errors.Join(err, k.tell(ctx, err))
}

// Head is the journal's head now, signed. Whoever gets it is a witness of all that was
// written until then.
func (k *Keeper) Head() (note.Signed, error) {
	seq, hash := k.book.Latest()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.head.Seq == seq {
		return k.head, nil
	}
	raw, err := k.Key.Sign(note.Checkpoint{Origin: k.origin, Seq: seq, Hash: hash})
	if err == nil {
		k.head, err = note.Read(raw)
	}
	if err != nil {
		return note.Signed{}, fmt.Errorf("sign checkpoint: %w", err)
	}
	return k.head, nil
}

// send hands a checkpoint to every outlet; one that takes it is enough.
func (k *Keeper) send(ctx context.Context, n note.Signed) error {
	var errs []error
	for _, o := range k.out {
		if err := o.Send(ctx, n); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == len(k.out) && len(errs) > 0 {
		return fmt.Errorf("the checkpoint has not left this machine: %w", errors.Join(errs...))
	}
	k.left = n.Seq
	if len(errs) > 0 {
		k.Log.WarnContext(ctx, "a checkpoint did not leave by every way", slog.Any("err", errors.Join(errs...)))
	}
	return nil
}

// tell keeps since when checkpoints cannot leave, over a restart as well, and writes into
// the journal when sending stops for it and when it goes on.
func (k *Keeper) tell(ctx context.Context, cause error) error {
	k.mu.Lock()
	stuck, known := k.stuck, k.alarm
	switch {
	case cause == nil:
		k.stuck, k.why, k.alarm = time.Time{}, nil, false
	case stuck.IsZero():
		k.stuck = k.pending
		if k.stuck.IsZero() {
			k.stuck = k.Now()
		}
		stuck, k.why = k.stuck, cause
	default:
		k.why = cause
	}
	late := cause != nil && k.Now().Sub(stuck) >= MaxStuck
	k.alarm = k.alarm || late
	k.mu.Unlock()
	switch {
	case cause == nil && stuck.IsZero():
		return nil
	case cause == nil:
		k.Log.InfoContext(ctx, "checkpoints leave again", slog.Time("since", stuck))
		err := remove(k.Waiting)
		if known || k.Now().Sub(stuck) >= MaxStuck {
			err = errors.Join(err, k.note(ctx, "note.checkpoints", "checkpoints leave again, sending goes on", stuck))
		}
		return err
	case late && !known:
		k.Log.ErrorContext(ctx, "ALARM: checkpoints cannot leave, nothing is sent any more", slog.Time("since", stuck), slog.Any("err", cause))
		return k.note(ctx, "alarm.checkpoints", "checkpoints of the journal cannot leave this machine: nothing is sent until they do", stuck)
	}
	return writeWaiting(k.Waiting, stuck)
}

func (k *Keeper) note(ctx context.Context, kind, reason string, since time.Time) error {
	return k.book.Write(ctx, "bankconnector", func(tx *journal.Tx) error {
		return tx.Note(kind, "", 0, struct {
			Reason string    `json:"reason"`
			Since  time.Time `json:"since"`
		}{reason, since.UTC()})
	})
}

// MaySend tells why nothing may be sent, nil when it may: what leaves while the journal's
// heads do not could be denied later by whoever holds this machine.
func (k *Keeper) MaySend() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stuck.IsZero() || k.Now().Sub(k.stuck) < MaxStuck {
		return nil
	}
	return fmt.Errorf("sending stands still: checkpoints of the journal have not left this machine since %s (%w); "+
		"make checkpoint.file or checkpoint.syslog of config.yaml reachable, sending goes on by itself", k.stuck.UTC().Format(time.RFC3339), k.why)
}

// readWaiting reads since when checkpoints wait, as far as an earlier run knew.
func readWaiting(path string) (since time.Time, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return since, nil
	}
	if err == nil {
		since, err = time.Parse(time.RFC3339, strings.TrimSpace(string(data)))
	}
	if err != nil {
		return since, fmt.Errorf("read since when checkpoints wait: %w", err)
	}
	return since, nil
}

// writeWaiting keeps the moment once. A crash before it counts the hours from the next
// start on.
func writeWaiting(path string, since time.Time) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := durable.Replace(path, []byte(since.UTC().Format(time.RFC3339)+"\n"), 0o640); err != nil {
		return fmt.Errorf("keep since when checkpoints wait: %w", err)
	}
	return nil
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget since when checkpoints waited: %w", err)
	}
	return nil
}

// Close writes the last checkpoint and ends. Close the journal after it.
func (k *Keeper) Close() error {
	k.stop()
	<-k.done
	return k.final()
}

// shut ends the ways out; that one of them hangs is no failure of the journal.
func (k *Keeper) shut(ctx context.Context) error {
	for _, o := range k.out {
		if err := o.Close(); err != nil {
			k.Log.WarnContext(ctx, "a way out of checkpoints does not end", slog.Any("err", err))
		}
	}
	return k.own.Close()
}

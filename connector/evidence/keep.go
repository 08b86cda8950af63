package evidence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"bankconnector/connector/evidence/note"
	"bankconnector/connector/journal"
)

const (
	maxEvents = 10               // without a checkpoint
	maxWait   = 60 * time.Second // of activity without a checkpoint
	beat      = time.Second
)

// ErrWitness reports a journal that a checkpoint contradicts.
var ErrWitness = errors.New("the journal is not the one that was written here")

// Keeping is how checkpoints are kept.
type Keeping struct {
	Key      *note.Key
	Instance string   // name of this installation
	Files    []string // append-only; the first is the installation's own, the others lie elsewhere
	Now      func() time.Time
	Log      *slog.Logger
}

// Keeper writes a checkpoint of a journal once a second at most: as soon as ten events
// have none, after a minute when they are fewer, and at the end. It never holds up a
// writer.
type Keeper struct {
	Keeping
	book    *journal.Book
	origin  string
	files   []*note.File
	last    int64     // event of the newest checkpoint
	pending time.Time // since when there are events after it; zero if there are none
	final   func() error
	stop    context.CancelFunc
	done    chan struct{}
}

// Keep holds the newest checkpoint of every file against the journal and begins to write
// new ones. The error is ErrWitness when the journal does not pass through one of them:
// its end was cut off, an old copy was put back, or it was written anew.
func Keep(ctx context.Context, book *journal.Book, o Keeping) (*Keeper, error) {
	k := &Keeper{Keeping: o, book: book, origin: origin(o.Instance), done: make(chan struct{})}
	for _, path := range o.Files {
		if err := k.join(ctx, path); err != nil {
			return nil, errors.Join(err, k.closeFiles())
		}
	}
	lasting := context.WithoutCancel(ctx)
	work, stop := context.WithCancel(lasting)
	k.final, k.stop = func() error { return k.look(lasting, true) }, stop
	go k.run(work)
	return k, nil
}

// join proves that the journal goes on from a file's newest checkpoint and opens the file.
func (k *Keeper) join(ctx context.Context, path string) error {
	known, ok, err := note.Last(path)
	if err != nil {
		return fmt.Errorf("read checkpoints: %w", err)
	}
	if ok {
		if err := extends(ctx, k.book, known.Checkpoint); err != nil {
			return fmt.Errorf("%w: %w; checkpoint in %s. Nothing is sent or taken: keep both files as they are, run journal verify, "+
				"put back the newest journal. If a person decides to go on without the lost events, move %s aside and start again", ErrWitness, err, path, path)
		}
		k.last = max(k.last, known.Seq)
	}
	f, err := note.Open(path)
	if err != nil {
		return fmt.Errorf("open checkpoints: %w", err)
	}
	k.files = append(k.files, f)
	return nil
}

// extends tells whether a journal passes through a checkpoint.
func extends(ctx context.Context, book *journal.Book, c note.Checkpoint) error {
	hash, err := book.Hash(ctx, c.Seq)
	if errors.Is(err, journal.ErrNotFound) {
		return fmt.Errorf("event %d is missing: the end was cut off, or an old copy was put in place", c.Seq)
	}
	if err != nil {
		return err
	}
	if hash != c.Hash {
		return fmt.Errorf("event %d has another hash: the journal was written anew", c.Seq)
	}
	return nil
}

// origin makes the name of an installation fit for a note.
func origin(instance string) string {
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n+/", r) {
			return '-'
		}
		return r
	}, instance)
	return note.Origin + name[:min(len(name), 200)]
}

func (k *Keeper) run(ctx context.Context) {
	defer close(k.done)
	t := time.NewTicker(beat)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if err := k.look(ctx, false); err != nil && ctx.Err() == nil {
				k.Log.ErrorContext(ctx, "no checkpoint of the journal", slog.Any("err", err))
			}
		}
	}
}

// look writes a checkpoint when it is due, or in any case when it is the last one.
func (k *Keeper) look(ctx context.Context, end bool) error {
	seq, hash, err := k.book.Head(ctx)
	if err != nil || seq <= k.last {
		return err
	}
	if k.pending.IsZero() {
		k.pending = k.Now()
	}
	if !end && seq-k.last < maxEvents && k.Now().Sub(k.pending) < maxWait {
		return nil
	}
	raw, err := k.Key.Sign(note.Checkpoint{Origin: k.origin, Seq: seq, Hash: hash})
	if err != nil {
		return fmt.Errorf("sign checkpoint: %w", err)
	}
	var errs []error
	for _, f := range k.files {
		// The journal is on the disk by now: a crash here leaves events without a checkpoint, never the reverse.
		if err := f.Add(raw); err != nil {
			errs = append(errs, fmt.Errorf("write checkpoint: %w", err))
		}
	}
	if len(errs) == 0 {
		k.last, k.pending = seq, time.Time{}
	}
	return errors.Join(errs...)
}

// Close writes the last checkpoint and ends. Close the journal after it.
func (k *Keeper) Close() error {
	k.stop()
	<-k.done
	return errors.Join(k.final(), k.closeFiles())
}

func (k *Keeper) closeFiles() error {
	var errs []error
	for _, f := range slices.Backward(k.files) {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

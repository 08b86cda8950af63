package proof

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"bankconnector/connector/journal/rebuild"
	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/volume"
)

// piece is a stretch of the chain in one file: an archive, or the journal itself at the end.
type piece struct {
	path     string
	from, to int64
	prev, at string         // hash and time of the event before the first; at "" = there is none, or it is not known
	head     string         // hash that the last event must have, "" where nothing says it
	volume   *volume.Volume // what the journal says of the archive; nil: the journal itself
	gone     bool           // the file is not there
	left     bool           // rows that an archive holds and that have not left the journal yet
	open     *sqlite.Conn   // lent by verification.in
}

// name is what a finding calls the file.
func (p *piece) name() string {
	if p.volume == nil {
		return filepath.Base(p.path)
	}
	return "archive " + p.volume.File
}

// list finds the files of the chain, oldest first. An archive that is not there is a problem,
// and the chain goes on behind it from what the journal says of its end.
func (v *verification) list() {
	volumes, err := volume.List(v.c)
	if err != nil {
		v.r.problem("table archive cannot be read: %v", err)
	}
	if v.dir = v.o.Archives; v.dir == "" {
		v.dir = volume.Folder(v.r.Path)
	}
	end, prev, at := int64(0), record.NoHash, ""
	for i := range volumes {
		a := &volumes[i]
		if a.First != end+1 || a.Prev != prev || a.Last < a.First {
			v.r.bad(end+1, "archive %s begins at event %d after %s, the one before it ends at %d with %s", a.File, a.First, a.Prev, end, prev)
		}
		if a.Retired != 0 {
			v.removed(a)
			end, prev, at = a.Last, a.Head, a.ToAt
			continue
		}
		p := &piece{path: filepath.Join(v.dir, filepath.Base(a.File)), from: a.First, to: a.Last, prev: a.Prev, at: at, head: a.Head, volume: a}
		if _, err := os.Stat(p.path); errors.Is(err, fs.ErrNotExist) {
			p.gone = true
			v.r.bad(a.First, "%s, which holds events %d to %d, is missing in %s; event %d names it by SHA-256 %s", p.name(), a.First, a.Last, v.dir, a.Event, a.SHA256)
		}
		v.pieces = append(v.pieces, p)
		v.r.Archives++
		end, prev, at = a.Last, a.Head, a.ToAt
	}
	first, err := v.c.Number(`SELECT min(seq) FROM event`)
	if err != nil {
		v.r.bad(1, "cannot be read: %v", err)
	}
	if first > 0 && first <= end {
		v.pieces = append(v.pieces, &piece{path: v.r.Path, from: first, to: end, head: prev, left: true})
	}
	v.pieces = append(v.pieces, &piece{path: v.r.Path, from: end + 1, to: v.end, prev: prev, at: at})
	if v.end <= end {
		v.r.bad(end+1, "missing: the journal ends within its archives")
	}
}

// removed notes an archive that the rule of retention removed: the chain goes on from the
// hashes that stand in the journal.
func (v *verification) removed(a *volume.Volume) {
	if len(v.pieces) > 0 {
		v.r.bad(a.First, "archive %s is removed by event %d, though an older one is not", a.File, a.Retired)
	}
	if v.retired = a; v.ends == nil {
		v.ends = make(map[int64]string)
	}
	v.ends[a.Last] = a.Head
	v.r.Retired = append(v.r.Retired, fmt.Sprintf("%s: events %d to %d, removed by event %d: %s; the last hash was %s", a.File, a.First, a.Last, a.Retired, a.Why, a.Head))
}

// base begins the rebuilding with what the tables were after the last event that was removed.
func (v *verification) base(ctx context.Context) error {
	if v.retired == nil {
		return nil
	}
	if err := v.rebuilt.Load(ctx, v.o.Temp, v.dir, *v.retired); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &rebuild.Failed{Seq: v.retired.Last + 1, Cause: fmt.Errorf("the tables of before are not known: %w", err)}
	}
	return nil
}

// archives holds every archive against the digest that stands in the journal, several at once.
func (v *verification) archives(ctx context.Context) ([]finding, error) {
	found := make([]finding, len(v.pieces))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range v.pieces {
		if p.volume == nil || p.gone {
			continue
		}
		group.Go(func() error {
			digest, size, err := volume.Digest(groupCtx, p.path)
			switch {
			case groupCtx.Err() != nil:
				return groupCtx.Err()
			case err != nil:
				found[i] = finding{p.from, fmt.Sprintf("%s cannot be read: %v", p.name(), err)}
			case digest != p.volume.SHA256 || size != p.volume.Size:
				found[i] = finding{p.from, fmt.Sprintf("%s is not the file that event %d names: its SHA-256 is %s, not %s", p.name(), p.volume.Event, digest, p.volume.SHA256)}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(f finding) bool { return f.text == "" }), nil
}

// hold opens connections to the journal that all see the same moment of it as v.c. Events
// never change, but beside a daemon they may leave for an archive, and would be missing at one
// moment and not at another.
func (v *verification) hold() error {
	all := []*sqlite.Conn{v.c}
	v.held = make(chan *sqlite.Conn, runtime.GOMAXPROCS(0)+2) // the spans, what is left over, the replay
	for range cap(v.held) {
		c, err := sqlite.Read(v.r.Path)
		if err != nil {
			return err
		}
		v.held <- c
		all = append(all, c)
	}
	for range 1000 {
		seen := make(map[string]bool)
		for _, c := range all {
			if err := errors.Join(c.Rollback(), c.Script("BEGIN")); err != nil {
				return err
			}
			row, err := c.One(`SELECT min(seq) FROM event`)
			seen[fmt.Sprint(row, err)] = true // what cannot be read is a finding of whoever reads it
		}
		if len(seen) == 1 {
			return nil
		}
	}
	return errors.New("events leave the journal for an archive just now: verify again when that is done")
}

// release closes them; each has been put back.
func (v *verification) release() error {
	errs := []error{v.giveBack()}
	for range len(v.held) {
		errs = append(errs, (<-v.held).Close())
	}
	return errors.Join(errs...)
}

// use lends a connection to a file of the chain that nobody else uses meanwhile.
func (v *verification) use(p *piece, fn func(*sqlite.Conn) error) (err error) {
	if p.volume == nil {
		c := <-v.held
		defer func() { v.held <- c }()
		return fn(c)
	}
	c, err := sqlite.Read(p.path)
	if err != nil {
		return &rebuild.Failed{Seq: p.from, Cause: fmt.Errorf("%s: %w", p.name(), err)}
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return fn(c)
}

// in lends the connection to a piece, of which one besides the journal's is open at a time.
func (v *verification) in(p *piece) (*sqlite.Conn, error) {
	if p.volume == nil {
		return v.c, nil
	}
	if v.lent != p {
		if err := v.giveBack(); err != nil {
			return nil, err
		}
		c, err := sqlite.Read(p.path)
		if err != nil {
			return nil, err
		}
		v.lent, p.open = p, c
	}
	return p.open, nil
}

func (v *verification) giveBack() error {
	if v.lent == nil {
		return nil
	}
	p := v.lent
	v.lent = nil
	return p.open.Close()
}

// row reads one event wherever it lies; nil when there is none. The error is ErrRetired when
// it lay in an archive that was removed.
func (v *verification) row(seq int64) (sqlite.Fields, error) {
	if v.retired != nil && seq <= v.retired.Last {
		return nil, volume.ErrRetired
	}
	i := slices.IndexFunc(v.pieces, func(p *piece) bool { return !p.left && p.from <= seq && seq <= p.to })
	if i < 0 {
		return nil, nil
	}
	if v.pieces[i].gone {
		return nil, errors.New("the archive that holds it is missing")
	}
	c, err := v.in(v.pieces[i])
	if err != nil {
		return nil, err
	}
	return c.One(`SELECT `+record.Columns+` FROM event WHERE seq = ?`, seq)
}

// events gives every event in its order, from one file after the other; a file that cannot be
// read is a failed event.
func (v *verification) events(fn func(sqlite.Fields) error) error {
	for _, p := range v.pieces {
		if p.left {
			continue
		}
		if p.gone {
			return &rebuild.Failed{Seq: p.from, Cause: errors.New(p.name() + " is missing")}
		}
		if err := v.use(p, func(c *sqlite.Conn) error { return p.each(c, fn) }); err != nil {
			return err
		}
	}
	return nil
}

func (p *piece) each(c *sqlite.Conn, fn func(sqlite.Fields) error) (err error) {
	seq, mine := p.from-1, error(nil)
	err = c.Each(`SELECT `+record.Columns+` FROM event WHERE seq BETWEEN ? AND ? ORDER BY seq`, func(f sqlite.Fields) error {
		seq = f.Num(0)
		mine = fn(f)
		return mine
	}, p.from, p.to)
	if err != nil && mine == nil {
		return &rebuild.Failed{Seq: seq + 1, Cause: err}
	}
	return err
}

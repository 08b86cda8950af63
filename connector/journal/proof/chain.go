package proof

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
)

// span is a part of the chain, checked on a connection of its own. Events are
// never changed, so that spans may be read at different moments of a live file.
type span struct {
	from, to int64 // numbers of the first and last event
	buf      bytes.Buffer
	last     int64 // as far as it is read
	prev     string
	lastAt   string
	events   int64
	named    map[string]bool // files of the store that only the event names
	found    []finding       // the first ones
	further  int
}

type finding struct {
	seq  int64
	text string
}

func (s *span) bad(seq int64, format string, args ...any) {
	if len(s.found) == maxProblems {
		s.further++
		return
	}
	s.found = append(s.found, finding{seq, fmt.Sprintf(format, args...)})
}

// smallest keeps short chains in one piece: a connection costs as much as
// some thousand events.
const smallest = 20_000

// cut divides the numbers 1 to end into at most n spans.
func cut(end int64, n int) []*span {
	size := max(smallest, (end+int64(n)-1)/int64(n))
	var out []*span
	for from := int64(1); from <= end; from += size {
		out = append(out, &span{from: from, to: min(from+size-1, end)})
	}
	return out
}

// chain checks every event, on as many connections as there are processors.
func (v *verification) chain(ctx context.Context) error {
	spans := cut(v.end, runtime.GOMAXPROCS(0))
	group, groupCtx := errgroup.WithContext(ctx)
	for _, s := range spans {
		group.Go(func() error { return s.check(groupCtx, v.r.Path) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	v.r.Head = record.NoHash
	for _, s := range spans {
		v.r.Events += s.events
		v.r.Further += s.further
		v.r.Head = s.prev
		v.named = append(v.named, s.named)
		for _, f := range s.found {
			v.r.bad(f.seq, "%s", f.text)
		}
	}
	return nil
}

// witness holds the chain, whose every link is checked, against what is known from
// outside: each time one row is looked up, so that memory does not grow with them.
func (v *verification) witness(ctx context.Context) error {
	if v.o.Checkpoints == nil {
		return nil
	}
	for seq, want := range v.o.Checkpoints {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		row, err := v.c.One(`SELECT hash FROM event WHERE seq = ?`, seq)
		switch {
		case err != nil:
			v.r.bad(seq, "cannot be read: %v", err)
		case row != nil && row.Str(0) == want:
			v.r.Witnessed = max(v.r.Witnessed, seq)
		case v.givenUp(seq):
		case row == nil:
			v.r.bad(min(seq, v.end+1), "missing: a checkpoint from outside knows event %d, the end was cut off or an old copy restored", seq)
		default:
			v.r.bad(seq, "hash %s is not the checkpoint's %s: the journal was written anew", row.Str(0), want)
		}
	}
	v.confirmed()
	return nil
}

// check reads the span. Its error is for what kept it from looking.
func (s *span) check(ctx context.Context, path string) (err error) {
	c, err := sqlite.Read(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	s.last, s.prev = s.from-1, record.NoHash
	if s.from > 1 {
		row, err := c.One(`SELECT hash, at FROM event WHERE seq = ?`, s.last)
		if err != nil {
			s.bad(s.last, "cannot be read: %v", err)
		} else if row != nil { // a missing one is the finding of the span before
			s.prev, s.lastAt = row.Str(0), row.Str(1)
		}
	}
	err = c.Each(`SELECT `+record.Columns+` FROM event WHERE seq BETWEEN ? AND ? ORDER BY seq`, func(f sqlite.Fields) error {
		s.event(f)
		if s.events++; s.events%1024 == 0 {
			return ctx.Err()
		}
		return nil
	}, s.from, s.to)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		s.bad(s.last+1, "cannot be read: %v", err)
	case s.last != s.to:
		s.bad(s.last+1, "missing; the next one is %d", s.to+1)
	}
	return nil
}

// event checks one row: number, link, hash, time.
func (s *span) event(f sqlite.Fields) {
	seq, at, prev, hash := f.Num(0), f.Str(1), f.Str(8), f.Str(9)
	switch {
	case seq != s.last+1:
		s.bad(s.last+1, "missing; the next one is %d", seq)
	case prev != s.prev:
		s.bad(seq, "prev is not the hash of the event before it")
	}
	sum, err := record.Chain(&s.buf, seq, prev, at, f.Str(2), f.Str(3), f.Str(4), f.Str(5), strconv.FormatInt(f.Num(6), 10), f.Str(7))
	switch {
	case err != nil:
		s.bad(seq, "%v", err)
	case sum != hash:
		s.bad(seq, "content does not have the hash that stands beside it")
	case at < s.lastAt:
		s.bad(seq, "time %s is before the event before it", at)
	}
	if f.Str(4) == trustKind {
		s.relied(seq, f.Str(7))
	}
	s.last, s.prev, s.lastAt = seq, hash, at
}

// Tail checks the last n events, that the projection stands at the same place
// and that nobody changed the schema: what a start can afford.
func Tail(c *sqlite.Conn, n int64) error {
	changed, err := sqlite.Differences(c, known)
	if err != nil {
		return err
	}
	if len(changed) > 0 {
		return fmt.Errorf("schema was changed: %s: run journal verify", strings.Join(changed, ", "))
	}
	end, err := c.Number(`SELECT max(seq) FROM event`)
	if err != nil {
		return err
	}
	s := &span{last: max(end-n, 0), prev: record.NoHash}
	if s.last > 0 {
		row, err := c.One(`SELECT hash, at FROM event WHERE seq = ?`, s.last)
		if err != nil {
			return err
		}
		if row == nil {
			return fmt.Errorf("event %d is missing: run journal verify, restore from a backup", s.last)
		}
		s.prev, s.lastAt = row.Str(0), row.Str(1)
	}
	err = c.Each(`SELECT `+record.Columns+` FROM event WHERE seq > ? ORDER BY seq`, func(f sqlite.Fields) error {
		s.event(f)
		return nil
	}, s.last)
	if err != nil {
		return err
	}
	if len(s.found) > 0 {
		return fmt.Errorf("chain is broken at event %d: %s: run journal verify, restore from a backup", s.found[0].seq, s.found[0].text)
	}
	row, err := c.One(`SELECT seq, hash FROM head`)
	if err != nil {
		return err
	}
	if row == nil || row.Num(0) != end || row.Str(1) != s.prev {
		return fmt.Errorf("state tables do not stand at the last event %d: run journal verify", end)
	}
	return nil
}

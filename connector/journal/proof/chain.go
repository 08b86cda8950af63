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

	"bankconnector/connector/journal/rebuild"
	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/volume"
)

// span is a part of a piece of the chain, checked on a connection of its own.
type span struct {
	piece    *piece
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

// cut divides a piece into spans of a size.
func (p *piece) cut(size int64) (out []*span) {
	for from := p.from; from <= p.to; from += size {
		out = append(out, &span{piece: p, from: from, to: min(from+size-1, p.to)})
	}
	return out
}

// chain checks every event, on as many connections as there are processors.
func (v *verification) chain(ctx context.Context) error {
	n := int64(runtime.GOMAXPROCS(0))
	size := max(smallest, (v.end+n-1)/n)
	var spans []*span
	for _, p := range v.pieces {
		if !p.gone {
			spans = append(spans, p.cut(size)...)
		}
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(int(n))
	for _, s := range spans {
		group.Go(func() error {
			err := v.use(s.piece, func(c *sqlite.Conn) error { return s.check(groupCtx, c) })
			var unread *rebuild.Failed
			if errors.As(err, &unread) {
				s.bad(unread.Seq, "%v", unread.Cause)
				err = nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	v.r.Head = record.NoHash
	for _, s := range spans {
		v.r.Further += s.further
		v.named = append(v.named, s.named)
		for _, f := range s.found {
			v.r.bad(f.seq, "%s", f.text)
		}
		if p := s.piece; p.head != "" && s.to == p.to && s.prev != p.head {
			v.r.bad(s.to, "%s ends with hash %s, the journal says %s", p.name(), s.prev, p.head)
		}
		if !s.piece.left {
			v.r.Events, v.r.Head = v.r.Events+s.events, s.prev
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
		row, err := v.row(seq)
		switch {
		case errors.Is(err, volume.ErrRetired): // nobody can hold it against anything but the ends
			if end, known := v.ends[seq]; known && end != want {
				v.r.bad(seq, "the head of a removed archive was %s, a checkpoint says %s", end, want)
			}
		case err != nil:
			v.r.bad(seq, "cannot be read: %v", err)
		case row != nil && row.Str(9) == want:
			v.r.Witnessed = max(v.r.Witnessed, seq)
		case v.givenUp(seq):
		case row == nil:
			v.r.bad(min(seq, v.end+1), "missing: a checkpoint from outside knows event %d, the end was cut off or an old copy restored", seq)
		default:
			v.r.bad(seq, "hash %s is not the checkpoint's %s: the journal was written anew", row.Str(9), want)
		}
	}
	v.confirmed()
	return nil
}

// check reads the span. Its error is for what kept it from looking.
func (s *span) check(ctx context.Context, c *sqlite.Conn) error {
	s.begin(c)
	err := c.Each(`SELECT `+record.Columns+` FROM event WHERE seq BETWEEN ? AND ? ORDER BY seq`, func(f sqlite.Fields) error {
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

// begin finds what the first event of the span must follow.
func (s *span) begin(c *sqlite.Conn) {
	query, seq := `SELECT hash, at FROM event WHERE seq = ?`, s.from-1
	s.last, s.prev, s.lastAt = seq, s.piece.prev, s.piece.at
	switch {
	case s.from > s.piece.from:
	case s.piece.left: // what its first row follows stands in the archive, and its last row must have the archive's hash
		query, seq = `SELECT prev, at FROM event WHERE seq = ?`, s.from
	default:
		return
	}
	row, err := c.One(query, seq)
	if err != nil {
		s.bad(seq, "cannot be read: %v", err)
	} else if row != nil { // a missing one is the finding of the span before
		s.prev, s.lastAt = row.Str(0), row.Str(1)
	}
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
	case string(sum) != hash:
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
	row, err := c.One(`SELECT max(seq), max(min(seq), max(seq) - ?) - 1 FROM event`, n-1)
	if err != nil {
		return err
	}
	end := row.Num(0)
	s := &span{last: max(row.Num(1), 0), prev: record.NoHash}
	if s.last > 0 {
		// What is before the first row stands at the end of an archive, or within one whose events are leaving just now.
		row, err := c.One(`SELECT hash, at FROM event WHERE seq = ?1 UNION ALL SELECT head, to_at FROM archive WHERE last = ?1
			UNION ALL SELECT prev, '' FROM event WHERE seq = ?1 + 1 AND EXISTS (SELECT 1 FROM archive WHERE ?1 BETWEEN first AND last)`, s.last)
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
	if row, err = c.One(`SELECT seq, hash FROM head`); err != nil {
		return err
	}
	if row == nil || row.Num(0) != end || row.Str(1) != s.prev {
		return fmt.Errorf("state tables do not stand at the last event %d: run journal verify", end)
	}
	return nil
}

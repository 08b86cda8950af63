package evidence

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"bankconnector/connector/evidence/dated"
	"bankconnector/connector/evidence/note"
	"bankconnector/crypto/pki"
	"bankconnector/crypto/stamp"
)

// Stamps are checkpoints with the time of an authority, and whose tokens are accepted. Without an authority nobody
// looks at them.
type Stamps struct {
	Folder    string
	Authority *stamp.Authority
}

// stamps yields every checkpoint whose token holds, to be found on the chain as any other; one whose token does not hold
// is a problem.
func (w *witnesses) stamps(yield func(int64, string) bool) error {
	if w.q.Stamps.Authority == nil {
		return nil
	}
	err := dated.Each(w.q.Stamps.Folder, func(d dated.Stamped) error {
		t, err := w.q.Stamps.Authority.Verify(d.Token, []byte(d.Note.Raw))
		if err == nil {
			err = d.Note.Verify(w.q.Keys)
		}
		if err = cmp.Or(d.Err, err); err != nil {
			w.problems = append(w.problems, fmt.Sprintf("time stamp of event %d: %v", d.Seq, err))
			return nil
		}
		if w.stamped++; t.Time.After(w.newest) {
			w.newest = t.Time
		}
		if !yield(d.Note.Seq, d.Note.Hash) {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return err
}

// farthest is how many events an archive takes along to reach a checkpoint that has a time stamp.
const farthest = 10_000

// date makes the last stretch lead to the first checkpoint with a time stamp at or after an event, unless that is too far.
func (c Case) date(seq int64, stretches [][2]int64, notes []note.Signed) ([][2]int64, []note.Signed, *dated.Stamped, error) {
	end := &stretches[len(stretches)-1][1]
	first, err := dated.First(c.Stamps.Folder, c.Stamps.Authority, seq, *end+farthest)
	if first == nil || err != nil {
		return stretches, notes, nil, err
	}
	if first.Note.Seq != *end {
		notes = append(notes, first.Note)
	}
	*end = max(*end, first.Note.Seq)
	return stretches, notes, first, nil
}

// stamped packs the token of a checkpoint and the certificate of who made it.
func (p *pack) stamped(d *dated.Stamped) error {
	if d == nil {
		return nil
	}
	name := fmt.Sprintf("checkpoints/%d", d.Note.Seq)
	return errors.Join(p.add(name+".tst", d.Token), p.add(name+".authority.pem", pki.MarshalCertificate(d.Signer)))
}

// stampText tells the time stamps of a verdict, "" when there are none.
func (f Findings) stampText(lang string) string {
	switch at := f.Stamped.UTC().Format(time.RFC3339); {
	case f.Stamps == 0:
		return ""
	case lang == "ru":
		return fmt.Sprintf("меток времени %d, последняя от %s\n", f.Stamps, at)
	default:
		return fmt.Sprintf("time stamps %d, the newest of %s\n", f.Stamps, at)
	}
}

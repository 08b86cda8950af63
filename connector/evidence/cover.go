package evidence

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"bankconnector/connector/evidence/note"
)

// cover finds, for each event, the first checkpoint that is not before it, and the
// stretches of the chain that lead there. The events are in order.
func (c Case) cover(seqs []int64) (stretches [][2]int64, notes []note.Signed, err error) {
	if len(seqs) == 0 {
		return nil, nil, errors.New("the journal tells nothing of it")
	}
	after := make([]note.Signed, len(seqs)) // the first checkpoint at or after each event
	for _, path := range c.Checkpoints {
		if err := c.nearest(path, seqs, after); err != nil {
			return nil, nil, err
		}
	}
	for i, seq := range seqs {
		end := after[i].Seq
		if end == 0 {
			return nil, nil, fmt.Errorf("event %d: %w", seq, ErrUncovered)
		}
		switch last := len(stretches) - 1; {
		case last >= 0 && stretches[last][1] == end: // the stretch to this checkpoint begins before
		case last >= 0 && stretches[last][1]+1 == seq:
			stretches[last][1] = end
			notes = append(notes, after[i])
		default:
			stretches = append(stretches, [2]int64{seq, end})
			notes = append(notes, after[i])
		}
	}
	return stretches, notes, nil
}

// nearest reads the signed checkpoints of one file, which may be missing.
func (c Case) nearest(path string, seqs []int64, after []note.Signed) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read checkpoints: %w", err)
	}
	defer f.Close()
	_, err = note.Each(f, func(s note.Signed) error {
		if _, _, bad := s.Parts(c.Key); bad != nil {
			return nil //nolint:nilerr // half a note, or one by a key of before: it proves nothing
		}
		end, exact := slices.BinarySearch(seqs, s.Seq)
		if exact {
			end++
		}
		for i := end - 1; i >= 0 && (after[i].Seq == 0 || after[i].Seq > s.Seq); i-- {
			after[i] = s
		}
		return nil
	})
	return err
}

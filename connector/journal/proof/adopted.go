package proof

import (
	"encoding/json"
	"fmt"
	"slices"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
)

// adoption is an event by which a person went on with a journal restored from a copy. It
// gives up the checkpoints after the copy that the lost part of the journal had.
type adoption struct {
	seq       int64
	hash      string
	kept, end int64 // checkpoints between them, the last included, are given up
	known     bool  // the caller knows of it
}

// adoptions reads them all. Who does not know of one is told of it, and for him it excuses
// nothing: else whoever cuts off the end of a journal could write one.
func (v *verification) adoptions() error {
	err := v.c.Each(`SELECT seq FROM act WHERE act = 'adopt' ORDER BY seq`, func(f sqlite.Fields) error {
		row, err := v.row(f.Num(0))
		if err != nil || row == nil || row.Str(4) != "book.adopted" {
			return err // a row that no event says is found by the tables
		}
		e, err := record.Read(row)
		if err != nil {
			return err
		}
		var body record.Adoption
		if err := json.Unmarshal(e.Body, &body); err != nil {
			return fmt.Errorf("event %d: %w", e.Seq, err)
		}
		a := adoption{seq: e.Seq, hash: e.Hash, kept: body.Kept, known: slices.Contains(v.o.Adopted, e.Hash)}
		for seq := range body.Lost {
			a.end = max(a.end, seq)
		}
		v.adopted = append(v.adopted, a)
		v.r.Adoptions = append(v.r.Adoptions, fmt.Sprintf("event %d, %s, %s: %s; events %d to %d of before are lost; hash %s",
			e.Seq, sqlite.Stamp(e.At), e.Actor, body.Reason, body.Kept+1, a.end, e.Hash))
		return nil
	})
	if err != nil {
		v.r.problem("adoptions cannot be read: %v", err)
	}
	return nil
}

// givenUp tells whether an adoption that the caller knows of gave up the checkpoint at seq.
func (v *verification) givenUp(seq int64) bool {
	return slices.ContainsFunc(v.adopted, func(a adoption) bool { return a.known && a.kept < seq && seq <= a.end })
}

// confirmed holds that a checkpoint stands at or after every adoption that excused any: else
// what came after it could be anything.
func (v *verification) confirmed() {
	for _, a := range v.adopted {
		if a.known && v.r.Witnessed < a.seq {
			v.r.bad(a.seq, "adopted, but no checkpoint from outside confirms it")
		}
	}
}

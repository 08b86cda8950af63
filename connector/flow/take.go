package flow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"bankconnector/connector/flow/claim"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/flow/reading"
	"bankconnector/connector/flow/rule"
	"bankconnector/connector/flow/waiting"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
)

// found is one file at the bank that this visit deals with.
type found struct {
	name    string // the bank's name for it
	claimed string // our name for it; before the claim: empty
	size    int64
}

// inbound takes what the bank left: first what was claimed but not recorded, then the new
// files.
func (v *visit) inbound(ctx context.Context) error {
	for {
		list, err := v.box.List(ctx)
		if err != nil {
			return fmt.Errorf("list bank's folder: %w", err)
		}
		for _, name := range list.Strange {
			v.Log.WarnContext(ctx, "strange name at the bank", slog.Any("bank", v.bank.BIC), slog.Any("file", name))
		}
		var todo []found
		for _, f := range list.Claimed {
			todo = append(todo, found{name: claim.Given(f.Name), claimed: f.Name, size: f.Size})
		}
		lies := make(map[string]bool)
		for _, f := range list.Files {
			todo = append(todo, v.observe(f))
			lies[todo[len(todo)-1].claimed] = true
		}
		if !list.Truncated {
			v.all().roll.Forget(string(v.bank.BIC), lies)
		}
		before := v.taken.Load()
		if err := each(ctx, v, fate.All(todo), v.take); err != nil {
			return err
		}
		// A listing of files none of which can be taken would come again and again.
		if !list.Truncated || v.taken.Load() == before || v.bank.Pickup.Mode == rule.Leave {
			return nil
		}
	}
}

// observe names a new file. A bank that lets us claim gets a name of ours for it later.
func (v *visit) observe(f File) found {
	if v.bank.Pickup.Mode == rule.Leave {
		return found{name: f.Name, size: f.Size, claimed: claim.Observed(f.Name, f.Size, f.ModTime)}
	}
	return found{name: f.Name, size: f.Size}
}

// take claims one file, keeps its bytes durably, judges them, hands the result to the
// office and removes the claimed file last. A crash after the claim leaves a name of ours
// that the next listing finds; after the record, resume goes on from the store.
func (v *visit) take(ctx context.Context, f found) error {
	if limit := int64(v.bank.Limits.FileSize); limit > 0 && f.size > limit {
		return v.watch().TooLarge(ctx, v.bank, f.name, f.size)
	}
	known, err := v.glance(ctx, f)
	if err != nil || !known.Fetch(v.bank.Pickup.Mode) {
		return err
	}
	if known.Claims(v.bank.Pickup.Mode) {
		f.claimed = claim.Name(v.Unique(), f.name)
		if err := v.box.Claim(ctx, f.name, f.claimed); err != nil {
			if fate.IsGone(err) {
				return nil // the bank withdrew it between the listing and the claim
			}
			return fmt.Errorf("claim %s: %w", f.name, err)
		}
	}
	source := f.claimed
	if v.bank.Pickup.Mode == rule.Leave {
		source = f.name
	}
	done, err := v.files.Hold(ctx, f.size)
	if err != nil {
		return v.disk("wait for memory", err)
	}
	defer done()
	data, err := v.box.Fetch(ctx, source, f.size)
	if err != nil {
		if fate.IsGone(err) {
			return nil
		}
		return fmt.Errorf("fetch %s: %w", f.name, err)
	}
	in, repeated, err := v.record(ctx, f, data)
	if err != nil {
		return err
	}
	v.taken.Add(1)
	v.bytes.Add(int64(len(data)))
	v.progress()
	if repeated {
		return v.repeated(ctx, in, f.claimed)
	}
	return v.settle(ctx, in, data)
}

// glance tells what earlier visits have done with a file that lies under a name of ours
// or was left in its place.
func (v *visit) glance(ctx context.Context, f found) (g rule.Glance, err error) {
	if f.claimed == "" {
		return g, nil
	}
	g.Claimed = true
	if g.Taken = v.all().roll.Stays(string(v.bank.BIC), f.claimed); g.Taken {
		return g, nil
	}
	earlier, err := v.Book.IncomingClaimed(ctx, string(v.bank.BIC), f.claimed)
	if err != nil || len(earlier) == 0 {
		return g, v.disk("find file", err)
	}
	last := earlier[len(earlier)-1]
	g.Taken, g.Incomplete, g.Grown = true, last.Outcome == outcomeIncomplete, last.Size != f.size
	g.OutOfTime = claim.OutOfTime(earlier[0].ReceivedAt, v.Now())
	if v.bank.Pickup.Mode == rule.Leave && !g.Incomplete { // it lies there for years, perhaps among thousands
		v.all().roll.Stay(string(v.bank.BIC), f.claimed)
	}
	return g, nil
}

// record keeps the bytes and opens the file's line in the journal.
func (v *visit) record(ctx context.Context, f found, data []byte) (in journal.Incoming, known bool, err error) {
	digest, err := v.Store.Put(ctx, data)
	if err != nil {
		return in, false, v.disk("store", err)
	}
	in = journal.Incoming{
		Bank: string(v.bank.BIC), Name: f.name, Claimed: f.claimed, SHA256: digest,
		Size: int64(len(data)), ReceivedAt: v.Now().UTC(),
	}
	err = v.write(ctx, "record", func(tx *journal.Tx) (err error) {
		in.ID, known, err = tx.Receive(in)
		return err
	})
	return in, known, err
}

// repeated: the same bytes were taken before. They change nothing; the bank gets its
// stored receipt again, for a repeat means that it missed the first one.
func (v *visit) repeated(ctx context.Context, in journal.Incoming, claimed string) error {
	first, err := v.Book.Incoming(ctx, in.ID)
	if err != nil {
		return v.disk("find first copy", err)
	}
	if rule.AnswersAgain(first.CleanedAt != nil, first.Claimed == claimed) {
		if err := v.receiptAgain(ctx, first, claimed); err != nil {
			return err
		}
	}
	if v.bank.Pickup.Mode == rule.Leave {
		v.all().roll.Stay(string(v.bank.BIC), claimed)
	}
	return v.discard(ctx, first, claimed)
}

// discard removes a claimed file whose bytes are in the journal.
func (v *visit) discard(ctx context.Context, in journal.Incoming, claimed string) error {
	if !rule.Discards(v.bank.Pickup.Mode, claimed != "", in.ID != 0) {
		return nil
	}
	if err := v.box.Discard(ctx, claimed); err != nil && !fate.IsGone(err) {
		return fmt.Errorf("discard %s: %w", claimed, err)
	}
	return nil
}

// resume brings the files that an interrupted visit had recorded to their end, from the
// bytes in the store.
func (v *visit) resume(ctx context.Context) error {
	open, err := v.Book.IncomingOpen(ctx, string(v.bank.BIC))
	if err != nil {
		return v.disk("find unfinished files", err)
	}
	return each(ctx, v, fate.All(open), func(ctx context.Context, in journal.Incoming) error {
		if in.HandedAt != nil {
			return v.clean(ctx, in)
		}
		done, err := v.files.Hold(ctx, in.Size)
		if err != nil {
			return v.disk("wait for memory", err)
		}
		defer done()
		data, err := v.Store.Get(ctx, in.SHA256)
		if err != nil {
			return v.disk("read store", err)
		}
		return v.settle(ctx, in, data)
	})
}

// settle brings a recorded file to its end: judged, settled, handed over, and then removed
// at the bank. What it becomes when it is opened is held no longer than our own work takes,
// for the bank's server may be slow on purpose.
func (v *visit) settle(ctx context.Context, in journal.Incoming, data []byte) error {
	in, over, err := v.dealWith(ctx, in, data)
	if err != nil || !over {
		return err
	}
	return v.clean(ctx, in)
}

func (v *visit) dealWith(ctx context.Context, in journal.Incoming, data []byte) (settled journal.Incoming, over bool, err error) {
	done, err := v.all().contents.Hold(ctx, in.Size)
	if err != nil {
		return in, false, v.disk("wait for memory", err)
	}
	defer done()
	over = true
	var parcel *reading.Parcel
	if in.Outcome == "" {
		in, parcel, over, err = v.settleOnce(ctx, in, data)
	}
	if err == nil && over {
		err = v.finish(ctx, in, data, parcel)
	}
	return in, over, err
}

// settleOnce judges a file and commits everything that follows from it at once; over is
// false for one that must wait. The parcel is what was judged.
func (v *visit) settleOnce(ctx context.Context, in journal.Incoming, data []byte) (settled journal.Incoming, p *reading.Parcel, over bool, err error) {
	j := v.judge(ctx, in, data)
	if j.err != nil {
		return in, nil, false, v.disk("judge", j.err)
	}
	if j.held {
		return in, nil, false, v.hold(ctx, in, j.Settlement)
	}
	if j.Outcome == outcomeIncomplete {
		earlier, err := v.Book.IncomingClaimed(ctx, in.Bank, in.Claimed)
		if err != nil {
			return in, nil, false, v.disk("find file", err)
		}
		if !claim.OutOfTime(earlier[0].ReceivedAt, v.Now()) {
			return in, nil, false, v.write(ctx, "incomplete", func(tx *journal.Tx) error { return tx.Settle(in.ID, j.Settlement) })
		}
		j.Outcome = outcomeQuarantined
	}
	settled, err = v.commit(ctx, in, &j)
	return settled, &j.parcel, true, err
}

// hold leaves a file unsettled that nobody can judge now, for its signer may be revoked, or what it
// answers be lost: resume judges it again on every visit, until a fresh CRL or a person decides. People are told once for each
// reason; what was told stands in the file's own line, so that a restart does not tell it again.
func (v *visit) hold(ctx context.Context, in journal.Incoming, s journal.Settlement) error {
	if in.Verdict == s.Verdict && in.Code == s.Code {
		return nil
	}
	err := v.write(ctx, "hold", func(tx *journal.Tx) error {
		if err := tx.Hold(in.ID, s); err != nil {
			return err
		}
		return tx.Note("alarm.unchecked", in.Bank, 0, waiting.Alarm{Reason: s.Reason, Name: in.Name})
	})
	if err == nil {
		v.Log.ErrorContext(ctx, "a reply is held: it cannot be judged now", slog.Any("bank", in.Bank),
			slog.Any("file", in.Name), slog.String("code", s.Code), slog.String("reason", s.Reason))
	}
	return err
}

// finish hands a settled file over. That may be done twice: a hand-over that is there with
// the same bytes is done. Without a parcel the bytes are opened once more.
func (v *visit) finish(ctx context.Context, in journal.Incoming, data []byte, p *reading.Parcel) error {
	if err := v.handOver(ctx, in, data, p); err != nil {
		return err
	}
	return v.write(ctx, "hand over", func(tx *journal.Tx) error { return tx.Hand(in.ID) })
}

// clean removes the claimed file: only a name of ours, only after its bytes are in the
// store and its settlement in the journal. One that is no longer what was judged stays, and
// the next listing finds it as a file that nobody has read.
func (v *visit) clean(ctx context.Context, in journal.Incoming) error {
	grown, err := v.grown(ctx, in)
	if err != nil {
		return err
	}
	if !grown {
		if err := v.discard(ctx, in, in.Claimed); err != nil {
			return err
		}
	}
	return v.write(ctx, "clean", func(tx *journal.Tx) error { return tx.Clean(in.ID) })
}

// grown reads a file that is in quarantine once more before it is removed: the bank may have
// had it open all the time, and have finished it since it was recorded. What was understood
// was whole.
func (v *visit) grown(ctx context.Context, in journal.Incoming) (bool, error) {
	if in.Outcome != outcomeQuarantined || !rule.Discards(v.bank.Pickup.Mode, in.Claimed != "", true) {
		return false, nil
	}
	data, err := v.box.Fetch(ctx, in.Claimed, in.Size)
	switch {
	case fate.IsGone(err):
		return false, nil
	case fate.IsChanged(err):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("read %s again: %w", in.Claimed, err)
	}
	return spool.Digest(data) != in.SHA256, nil
}

// handOver gives the office what the bank sent, with the verdict, or puts it into
// quarantine with the reason.
func (v *visit) handOver(ctx context.Context, in journal.Incoming, data []byte, p *reading.Parcel) error {
	if in.Outcome != outcomeMatched {
		_, err := v.Quarantine.Keep(data, spool.Refused{
			At: in.ReceivedAt, Source: "bank", Bank: in.Bank, Name: in.Name, Code: in.Outcome, Reason: in.Reason,
		})
		return v.disk("quarantine", err)
	}
	if p == nil {
		again, refused := reading.Unwrap(in.Name, data)
		if refused != nil {
			return v.disk("unwrap again", refused)
		}
		p = &again
	}
	files, err := p.ForOffice(in)
	if err != nil {
		return v.disk("hand over", err)
	}
	err = v.Office.HandOver(ctx, in.Bank, files)
	if errors.Is(err, spool.ErrOther) { // a bank may give two files one name
		err = v.Office.HandOver(ctx, in.Bank, p.Apart(files, in))
	}
	return v.disk("hand over", err)
}

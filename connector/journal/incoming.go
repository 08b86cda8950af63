package journal

import (
	"fmt"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/standing"
)

// Receive records the bytes of a file: Bank, Name, Claimed, SHA256 and Size.
// The same bytes from the same bank again give known = true and the id they
// already have, unless what came before was incomplete.
func (t *Tx) Receive(i Incoming) (id int64, known bool, err error) {
	if i.Bank == "" || i.Name == "" || !record.IsDigest(i.SHA256) || i.Size < 0 {
		return 0, false, fmt.Errorf("receive %q: bank, name, SHA-256 in hex and size are required", i.Name)
	}
	row, err := t.one(`SELECT id, exchange FROM arrival WHERE bank = ? AND sha256 = ? AND outcome <> 'incomplete'`,
		i.Bank, i.SHA256)
	if err != nil {
		return 0, false, err
	}
	r := record.Received{Name: i.Name, Claimed: i.Claimed, SHA256: i.SHA256, Size: i.Size}
	if row != nil {
		r.ID = row.Num(0)
		return r.ID, true, t.append("incoming.repeated", i.Bank, row.Num(1), r)
	}
	r.ID = next(&t.b.end.arrival)
	return r.ID, false, t.append("incoming.received", i.Bank, 0, r)
}

// Settle says what an incoming file is, once: a second time gives [ErrStale].
// Among matched files of a bank the signed content is unique ([ErrDuplicate])
// and so is the external key within its kind ([ErrConflict]); nothing is
// written then, and the caller settles again with the outcome that follows.
// An exchange of another bank is an error: that would be a misdirected reply.
func (t *Tx) Settle(id int64, s Settlement) error {
	i, err := t.arrived(id)
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	if i.Outcome != "" {
		return fmt.Errorf("settle incoming %d: %w: it is %s", id, ErrStale, i.Outcome)
	}
	if err := t.checkSettlement(i, s); err != nil {
		return fmt.Errorf("settle incoming %d: %w", id, err)
	}
	return t.append("incoming.settled", i.Bank, s.ExchangeID, record.Settled{ID: id, Settlement: s})
}

// Hold says why an incoming file cannot be settled yet: Verdict, Code, Signer and
// Reason of s count. It stays to be settled; [ErrStale] when it is.
func (t *Tx) Hold(id int64, s Settlement) error {
	i, err := t.arrived(id)
	if err != nil {
		return fmt.Errorf("hold: %w", err)
	}
	if i.Outcome != "" {
		return fmt.Errorf("hold incoming %d: %w: it is %s", id, ErrStale, i.Outcome)
	}
	return t.append("incoming.held", i.Bank, 0, record.Settled{ID: id, Settlement: Settlement{
		Verdict: s.Verdict, Code: s.Code, Signer: s.Signer, Reason: s.Reason,
	}})
}

func (t *Tx) checkSettlement(i standing.Arrived, s Settlement) error {
	if err := s.Check(); err != nil {
		return err
	}
	if s.ExchangeID != 0 {
		x, err := t.stand(s.ExchangeID)
		if err != nil {
			return err
		}
		if x.Bank != i.Bank {
			return fmt.Errorf("exchange %d belongs to bank %s, the file came from %s", s.ExchangeID, x.Bank, i.Bank)
		}
	}
	if s.Outcome != "matched" {
		return nil
	}
	return t.checkUnique(i.Bank, s)
}

func (t *Tx) checkUnique(bank string, s Settlement) error {
	if s.ContentSHA256 != "" {
		row, err := t.one(`SELECT id FROM arrival WHERE bank = ? AND content_sha256 = ?
			AND outcome = 'matched' AND content_sha256 <> ''`, bank, s.ContentSHA256)
		if err != nil {
			return err
		}
		if row != nil {
			return fmt.Errorf("%w: signed content came before as incoming %d", ErrDuplicate, row.Num(0))
		}
	}
	if s.ExternalKey == "" {
		return nil
	}
	row, err := t.one(`SELECT id FROM arrival WHERE bank = ? AND kind = ? AND external_key = ?
		AND outcome = 'matched' AND external_key <> ''`, bank, s.Kind, s.ExternalKey)
	if err != nil {
		return err
	}
	if row != nil {
		return fmt.Errorf("%w: external key %s came before in incoming %d", ErrConflict, s.ExternalKey, row.Num(0))
	}
	return nil
}

// Hand records that the file lies in the office's outbox, durably.
func (t *Tx) Hand(id int64) error { return t.touch(id, "incoming.handed") }

// Clean records that nothing of the file is left to do at the bank.
func (t *Tx) Clean(id int64) error { return t.touch(id, "incoming.cleaned") }

func (t *Tx) touch(id int64, kind string) error {
	i, err := t.arrived(id)
	if err != nil {
		return fmt.Errorf("record %s: %w", kind, err)
	}
	done := i.Handed
	if kind == "incoming.cleaned" {
		done = i.Cleaned
	}
	if i.Outcome == "" || done {
		return fmt.Errorf("record %s of %d: %w: not settled, or already done", kind, id, ErrStale)
	}
	return t.append(kind, i.Bank, i.ExchangeID, record.Touched{ID: id})
}

// Reopen lets a file that was put aside (quarantined, orphan, conflict or
// misdirected) be judged once more, by a person's act; it is unsettled again.
func (t *Tx) Reopen(id int64, reason string) error {
	i, err := t.arrived(id)
	if err != nil {
		return fmt.Errorf("reopen: %w", err)
	}
	if reason == "" {
		return fmt.Errorf("reopen incoming %d: a reason is required", id)
	}
	switch i.Outcome {
	case "quarantined", "orphan", "conflict", "misdirected":
		return t.append("incoming.reopened", i.Bank, i.ExchangeID, record.Touched{ID: id, Reason: reason})
	default:
		return fmt.Errorf("reopen incoming %d: %w: it is %q", id, ErrStale, i.Outcome)
	}
}

// Incoming reads an incoming file as this transaction sees it, or [ErrNotFound].
func (t *Tx) Incoming(id int64) (Incoming, error) {
	return read(t, "incoming", `SELECT `+standing.IncomingColumns+` FROM arrival WHERE id = ?`, id, standing.ReadIncoming)
}

// arrived is Incoming as far as the rules ask.
func (t *Tx) arrived(id int64) (standing.Arrived, error) {
	return read(t, "incoming", standing.ArrivedOf, id, standing.ReadArrived)
}

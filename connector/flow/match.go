package flow

import (
	"context"
	"errors"
	"fmt"

	"bankconnector/connector/flow/reading"
	"bankconnector/connector/flow/rule"
	"bankconnector/connector/journal"
	"bankconnector/formats"
)

// match finds the exchange that a reply belongs to and holds the reply against it: the
// document was sent to this bank, the bank speaks for itself, the dates are possible, the
// digest it names is ours.
func (v *visit) match(ctx context.Context, j *judgement) {
	j.state = formats.StateAccepted
	if j.doc.Kind() == formats.KindReceipt {
		j.state = 0 // a receipt gets none
	}
	if author, ok := reading.Author(j.doc); ok && !v.ours(author) {
		j.strike(outcomeMisdirected, formats.StateWrongAddressee,
			fmt.Sprintf("the reply speaks for bank %s and lay in the mailbox of bank %s", author, v.bank.BIC))
		return
	}
	key := reading.Subject(j.doc)
	x, err := v.Book.ByKey(ctx, "office", key)
	if r, ok := j.doc.(*formats.Receipt); ok && errors.Is(err, journal.ErrNotFound) {
		x, err = v.Book.ByKey(ctx, "receipt", r.DocumentKey)
	}
	switch {
	case errors.Is(err, journal.ErrNotFound):
		j.strike(outcomeOrphan, formats.StateBadLogic, fmt.Sprintf("nothing with the key %s was ever sent", key))
		return
	case err != nil:
		j.err = err
		return
	case x.Bank != string(v.bank.BIC):
		j.strike(outcomeMisdirected, formats.StateWrongAddressee,
			fmt.Sprintf("document %s was sent to bank %s, the reply lay in the mailbox of bank %s", key, x.Bank, v.bank.BIC))
		return
	case !rule.Answerable(x.State):
		j.strike(outcomeOrphan, formats.StateBadLogic, fmt.Sprintf("document %s is %s: no reply can belong to it, a person decides", key, x.State))
		return
	}
	if reason := reading.Impossible(j.doc, reading.Sent{Kind: x.Kind, Key: x.InternalKey, DocDate: x.DocDate, FileSHA256: x.FileSHA256}, v.Now()); reason != "" {
		j.strike(outcomeQuarantined, formats.StateBadLogic, reason)
		return
	}
	if r, ok := j.doc.(*formats.Receipt); ok && r.StateID == formats.StateDuplicate {
		j.renames, j.err = v.renames(ctx, x.ID)
	}
	j.Outcome, j.exchange, j.ExchangeID = outcomeMatched, x, x.ID
}

// renames counts the intents of an exchange: how often the bank may have seen a rename.
// Attempts will not do, for it counts uploads that never came about as well.
func (v *visit) renames(ctx context.Context, id int64) (n int, err error) {
	events, err := v.Book.Events(ctx, id)
	for _, e := range events {
		if e.Kind == "exchange.sending" {
			n++
		}
	}
	return n, err
}

func (j *judgement) strike(outcome string, state int, reason string) {
	j.Outcome, j.Reason, j.alarm = outcome, reason, reason
	if j.state != 0 {
		j.state = state
	}
}

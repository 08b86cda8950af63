package flow

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	if author, ok := author(j.doc); ok && !v.ours(author) {
		j.strike(outcomeMisdirected, formats.StateWrongAddressee,
			fmt.Sprintf("the reply speaks for bank %s and lay in the mailbox of bank %s", author, v.bank.BIC))
		return
	}
	key := subject(j.doc)
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
	case !answerable(x.State):
		j.strike(outcomeOrphan, formats.StateBadLogic, fmt.Sprintf("document %s is %s: nothing was sent that could be answered", key, x.State))
		return
	}
	if reason := v.impossible(j.doc, x); reason != "" {
		j.strike(outcomeQuarantined, formats.StateBadLogic, reason)
		return
	}
	j.Outcome, j.exchange, j.ExchangeID = outcomeMatched, x, x.ID
}

func (j *judgement) strike(outcome string, state int, reason string) {
	j.Outcome, j.Reason, j.alarm = outcome, reason, reason
	if j.state != 0 {
		j.state = state
	}
}

// author is the BIC that a reply speaks for.
func author(doc formats.Document) (string, bool) {
	switch d := doc.(type) {
	case *formats.Report:
		return d.AuthorBIK, d.AuthorBIK != ""
	case *formats.Answer:
		return d.AuthorBIK, true
	default:
		return "", false
	}
}

// subject is the key of the document that a reply is about.
func subject(doc formats.Document) string {
	switch d := doc.(type) {
	case *formats.Report:
		return d.RestrictnInternalKey
	case *formats.Answer:
		return d.RequestInternalKey
	case *formats.Receipt:
		return d.DocumentKey
	default:
		return ""
	}
}

// skew is how far a bank's clock may be ahead of ours.
const skew = 5 * time.Minute

// impossible says why a reply cannot be what it claims to be, or nothing.
func (v *visit) impossible(doc formats.Document, x journal.Exchange) string {
	switch d := doc.(type) {
	case *formats.Report:
		if x.Kind != string(formats.KindOrder) {
			return fmt.Sprintf("a report answers an order, %s is a %s", x.InternalKey, x.Kind)
		}
		return impossibleDate(d.DocDate, x, v.Now())
	case *formats.Answer:
		if x.Kind != string(formats.KindQuery) {
			return fmt.Sprintf("an answer answers a query, %s is an %s", x.InternalKey, x.Kind)
		}
		return impossibleDate(d.DocDate, x, v.Now())
	case *formats.Receipt:
		if d.FileDigest != "" && d.FileDigest != x.FileSHA256 {
			return fmt.Sprintf("the receipt names the digest %.16s, we sent %.16s", d.FileDigest, x.FileSHA256)
		}
		if d.FileDigest == "" && d.StateID < formats.StateBadSignature {
			return "the receipt does not name the digest of the file it acknowledges"
		}
		if d.ReceiptDate.After(v.Now().Add(skew)) {
			return fmt.Sprintf("the receipt is dated %s, in the future", d.ReceiptDate.Format(time.RFC3339))
		}
	}
	return ""
}

// impossibleDate: a reply cannot be older than the document it answers, nor be written
// tomorrow.
func impossibleDate(date formats.Date, x journal.Exchange, now time.Time) string {
	if string(date) < x.DocDate {
		return fmt.Sprintf("the reply is dated %s, before its document (%s)", date, x.DocDate)
	}
	// Dates carry no zone and banks sit in eleven of them: twelve hours more than our clock
	// is the latest today on the map.
	if latest := now.UTC().Add(12*time.Hour + skew).Format(time.DateOnly); string(date) > latest {
		return fmt.Sprintf("the reply is dated %s, in the future", date)
	}
	return ""
}

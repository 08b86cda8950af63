package flow

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bankconnector/connector/flow/reading"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
	"bankconnector/crypto/cms"
	"bankconnector/formats"
)

// Outcomes of a file that a bank left.
const (
	outcomeMatched     = "matched"     // verified, understood, belongs to an exchange
	outcomeDuplicate   = "duplicate"   // the same signed content came before
	outcomeConflict    = "conflict"    // the same key with other content: a person decides
	outcomeOrphan      = "orphan"      // verified, but answers nothing that we sent to this bank
	outcomeMisdirected = "misdirected" // another bank's reply
	outcomeQuarantined = "quarantined" // not to be trusted or not to be read
	outcomeIncomplete  = "incomplete"  // cut short: perhaps still being written
)

// judgement is everything that follows from one file.
type judgement struct {
	journal.Settlement
	parcel   reading.Parcel
	doc      formats.Document
	exchange journal.Exchange
	renames  int // intents of ours before the bank's receipt came
	state    int // StateId of our receipt; 0: none is sent
	faults   formats.Faults
	alarm    string
	held     bool  // nobody can tell now whether the signer is revoked, or what it answers: the file waits, unsettled
	err      error // our own disk or journal failed: nothing is judged
}

// judge reads a recorded file: unwrap, verify, decode, match, each only on what the step
// before let through.
func (v *visit) judge(ctx context.Context, in journal.Incoming, data []byte) (j judgement) {
	p, refused := reading.Unwrap(in.Name, data)
	j.parcel = p
	j.Kind = string(p.Kind())
	j.ContentSHA256 = spool.Digest(p.Document.Data)
	if refused != nil {
		j.setAside(refused)
		return j
	}
	proven, refused := p.Verify(v.bank, v.Verifier(v.bank), in.ReceivedAt)
	j.Verdict, j.Code, j.Signer = string(proven.Verdict.Status), proven.Verdict.Code, proven.Signer()
	if proven.Verdict.Status == cms.Unchecked {
		j.held, j.Reason = true, proven.Verdict.Text("en")
		return j
	}
	if refused != nil {
		j.setAside(refused)
		v.strayed(&j, p, in.ReceivedAt)
		return j
	}
	if m := proven.Manifest; m != nil {
		j.Stream, j.Seq, j.Previous = m.Stream, m.Seq, m.Previous
	}
	doc, refused := proven.Decode(v.rules())
	if refused != nil {
		j.setAside(refused)
		return j
	}
	j.doc, j.ExternalKey = doc, doc.Key()
	v.match(ctx, &j)
	if v.Receive != nil && j.Outcome == outcomeOrphan {
		// What it answers may stand in the part of the journal that is lost.
		j.held, j.Code, j.Reason, j.alarm = true, "receive", j.Reason+": judged again when the journal is adopted", ""
	}
	return j
}

func (j *judgement) setAside(r *reading.Refusal) {
	j.Outcome, j.Reason, j.state, j.faults = outcomeQuarantined, r.Reason, r.State, r.Faults
	if j.Code == "" {
		j.Code = r.Code
	}
	switch {
	case r.Code == reading.Truncated:
		j.Outcome = outcomeIncomplete
	case r.State == formats.StateWrongAddressee:
		j.Outcome = outcomeMisdirected
	}
	if j.Verdict == "" {
		j.Verdict = "unchecked"
	}
	j.alarm = r.Reason
}

// ours tells whether a BIC belongs to the bank of this connection.
func (v *visit) ours(bic string) bool { return slices.Contains(v.bank.Codes(), bic) }

func (v *visit) rules() formats.Rules { return reading.Rules(v.bank, v.Now()) }

// strayed looks whose signature it is that the bank's policy does not know. A reply of
// bank A in the mailbox of bank B is a matter of security at both.
func (v *visit) strayed(j *judgement, p reading.Parcel, at time.Time) {
	if j.Verdict != string(cms.UnknownSigner) || v.Others == nil {
		return
	}
	for _, other := range v.Others(v.bank) {
		if v.Verifier(other).Verify(p.Document.Data, p.Signatures[0].Data, at).Valid() {
			j.Outcome = outcomeMisdirected
			j.state = formats.StateWrongAddressee
			j.Reason = fmt.Sprintf("signed by bank %s (%s), found in the mailbox of bank %s: quarantined, tell both banks", other.BIC, other.Name, v.bank.BIC)
			j.alarm = j.Reason
			return
		}
	}
}

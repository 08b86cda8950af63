package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
	"bankconnector/crypto/cms"
	"bankconnector/formats"
	"bankconnector/formats/envelope"
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

// parcel is an envelope from a bank, opened but not trusted.
type parcel struct {
	prefix, id        string
	document          envelope.Entry
	signatures        []envelope.Entry
	manifest          []byte
	manifestSignature []byte
}

// verified is a parcel whose signatures hold. Only verify makes one, and only a verified
// parcel is decoded.
type verified struct {
	parcel
	verdict cms.Verdict
}

// unwrap opens an envelope and tells its parts apart: exactly one document, named as the
// file is, at least one signature of it, nothing that nobody asked for.
func unwrap(name string, data []byte) (parcel, *refusal) {
	p := parcel{}
	var err error
	if p.prefix, p.id, err = envelope.ParseName(name); err != nil {
		return p, &refusal{code: "name", state: formats.StateBadSchema, reason: err.Error()}
	}
	entries, err := envelope.Open(data, envelope.DefaultLimits())
	if err != nil {
		return p, badEnvelope(err)
	}
	stem := p.prefix + "_" + p.id + ".xml"
	for _, e := range entries {
		switch {
		case e.Name == stem:
			p.document = e
		case strings.HasPrefix(e.Name, stem+".") && strings.HasSuffix(e.Name, ".sig"):
			p.signatures = append(p.signatures, e)
		case e.Name == manifestName:
			p.manifest = e.Data
		case e.Name == manifestName+".sig":
			p.manifestSignature = e.Data
		default:
			return p, &refusal{code: "entry", state: formats.StateBadSchema, reason: fmt.Sprintf("the envelope holds %q, which has no place in it", e.Name)}
		}
	}
	if p.document.Name == "" {
		return p, &refusal{code: "entry", state: formats.StateBadSchema, reason: fmt.Sprintf("the envelope holds no %s", stem)}
	}
	if len(p.signatures) == 0 {
		return p, &refusal{code: "no-signature", state: formats.StateBadSignature, reason: fmt.Sprintf("the document came without its signature %s.sig", stem)}
	}
	return p, nil
}

// officeFiles are the document, its signatures and, last, the verdict.
func (p parcel) officeFiles(in journal.Incoming) ([]spool.File, error) {
	files := []spool.File{{Name: p.document.Name, Data: p.document.Data}}
	for _, s := range p.signatures {
		files = append(files, spool.File{Name: s.Name, Data: s.Data})
	}
	verdict, err := json.MarshalIndent(handed{
		Bank: in.Bank, File: in.Name, SHA256: in.SHA256, ReceivedAt: in.ReceivedAt.UTC(),
		Kind: in.Kind, Key: in.ExternalKey, Exchange: in.ExchangeID, Verdict: in.Verdict, Signer: in.Signer,
	}, "", "  ")
	return append(files, spool.File{Name: p.prefix + "_" + p.id + ".json", Data: append(verdict, '\n')}), err
}

// handed is NAME.json in the office's outbox.
type handed struct {
	Bank       string    `json:"bank"`
	File       string    `json:"file"`
	SHA256     string    `json:"sha256"`
	ReceivedAt time.Time `json:"received_at"`
	Kind       string    `json:"kind"`
	Key        string    `json:"key"`
	Exchange   int64     `json:"exchange"`
	Verdict    string    `json:"verdict"`
	Signer     string    `json:"signer"`
}

// judgement is everything that follows from one file.
type judgement struct {
	journal.Settlement
	doc      formats.Document
	exchange journal.Exchange
	state    int // StateId of our receipt; 0: none is sent
	faults   formats.Faults
	alarm    string
	err      error // our own disk or journal failed: nothing is judged
}

// judge reads a recorded file: unwrap, verify, decode, match, each only on what the step
// before let through.
func (v *visit) judge(ctx context.Context, in journal.Incoming, data []byte) (j judgement) {
	p, refused := unwrap(in.Name, data)
	j.Kind = string(kindOfPrefix(p.prefix))
	j.ContentSHA256 = spool.Digest(p.document.Data)
	if refused != nil {
		j.setAside(refused)
		return j
	}
	proven, refused := v.verify(p, in.ReceivedAt)
	j.Verdict, j.Code, j.Signer = string(proven.verdict.Status), proven.verdict.Code, signerText(proven.verdict)
	if refused != nil {
		j.setAside(refused)
		v.strayed(&j, p, in.ReceivedAt)
		return j
	}
	doc, refused := v.decode(proven)
	if refused != nil {
		j.setAside(refused)
		return j
	}
	j.doc, j.ExternalKey = doc, doc.Key()
	v.match(ctx, &j)
	return j
}

func (j *judgement) setAside(r *refusal) {
	j.Outcome, j.Reason, j.state, j.faults = outcomeQuarantined, r.reason, r.state, r.faults
	if j.Code == "" {
		j.Code = r.code
	}
	switch {
	case r.code == "truncated":
		j.Outcome = outcomeIncomplete
	case r.state == formats.StateWrongAddressee:
		j.Outcome = outcomeMisdirected
	}
	if j.Verdict == "" {
		j.Verdict = "unchecked"
	}
	j.alarm = r.reason
}

func kindOfPrefix(prefix string) formats.Kind {
	k, _ := formats.KindByPrefix(prefix)
	return k
}

func signerText(v cms.Verdict) string {
	if v.Signer == nil {
		return ""
	}
	return v.Signer.Subject().Text + " " + v.Signer.Fingerprint()
}

// verify holds every signature of a parcel against the bank of this connection: who a
// file is from is decided by where it lay and who signed it, never by what it says.
func (v *visit) verify(p parcel, at time.Time) (verified, *refusal) {
	policy := v.Verifier(v.bank)
	out := verified{parcel: p}
	for _, s := range p.signatures {
		out.verdict = policy.Verify(p.document.Data, s.Data, at)
		if !out.verdict.Valid() {
			return out, badSignature(s.Name, out.verdict)
		}
	}
	if p.manifest == nil {
		if v.bank.Format.Manifest == manifestRequired {
			return out, &refusal{code: "manifest", state: formats.StateBadSchema, reason: "the envelope has no manifest, which this bank's profile requires"}
		}
		return out, nil
	}
	if verdict := policy.Verify(p.manifest, p.manifestSignature, at); !verdict.Valid() {
		return out, badSignature(manifestName+".sig", verdict)
	}
	return out, v.checkManifest(p)
}

func badSignature(name string, verdict cms.Verdict) *refusal {
	return &refusal{code: verdict.Code, state: formats.StateBadSignature, reason: name + ": " + verdict.Text("en")}
}

func badEnvelope(err error) *refusal {
	r := &refusal{code: "zip", state: formats.StateBadSchema, reason: "open envelope: " + err.Error()}
	if envelope.IsTruncated(err) {
		r.code = "truncated"
	}
	return r
}

// checkManifest holds a signed manifest against the envelope and the connection.
func (v *visit) checkManifest(p parcel) *refusal {
	m, faults := formats.DecodeManifest(p.manifest)
	if len(faults) > 0 {
		return badDocument(faults)
	}
	if m.Recipient != Service || !v.ours(m.Sender) {
		return &refusal{code: "addressee", state: formats.StateWrongAddressee,
			reason: fmt.Sprintf("the manifest is from %s to %s; this is the mailbox of bank %s", m.Sender, m.Recipient, v.bank.BIC)}
	}
	listed := make(map[string]string)
	for _, e := range m.Entries {
		listed[e.Name] = e.SHA256
	}
	for _, e := range append([]envelope.Entry{p.document}, p.signatures...) {
		if listed[e.Name] != spool.Digest(e.Data) {
			return &refusal{code: "manifest", state: formats.StateBadSchema, reason: fmt.Sprintf("the manifest names another %s", e.Name)}
		}
		delete(listed, e.Name)
	}
	if len(listed) > 0 {
		return &refusal{code: "manifest", state: formats.StateBadSchema, reason: "the manifest lists entries that the envelope does not hold"}
	}
	return nil
}

// ours tells whether a BIC belongs to the bank of this connection.
func (v *visit) ours(bic string) bool {
	return bic == string(v.bank.BIC) || slices.Contains(v.bank.BICs, banks.ID(bic))
}

// strayed looks whose signature it is that the bank's policy does not know. A reply of
// bank A in the mailbox of bank B is a matter of security at both.
func (v *visit) strayed(j *judgement, p parcel, at time.Time) {
	if j.Verdict != string(cms.UnknownSigner) || v.Others == nil {
		return
	}
	for _, other := range v.Others(v.bank) {
		if v.Verifier(other).Verify(p.document.Data, p.signatures[0].Data, at).Valid() {
			j.Outcome = outcomeMisdirected
			j.state = formats.StateWrongAddressee
			j.Reason = fmt.Sprintf("signed by bank %s (%s), found in the mailbox of bank %s: quarantined, tell both banks", other.BIC, other.Name, v.bank.BIC)
			j.alarm = j.Reason
			return
		}
	}
}

// decode reads the bytes whose signature holds, and no others.
func (v *visit) decode(p verified) (formats.Document, *refusal) {
	doc, faults := formats.Decode(p.document.Data, v.rules())
	if len(faults) > 0 {
		return nil, badDocument(faults)
	}
	if doc.Kind() != kindOfPrefix(p.prefix) {
		return nil, &refusal{code: "kind", state: formats.StateBadSchema,
			reason: fmt.Sprintf("the file is named as %s and holds a %s", p.prefix, doc.Kind())}
	}
	if k := doc.Kind(); k == formats.KindOrder || k == formats.KindQuery {
		return nil, &refusal{code: "kind", state: formats.StateBadLogic, reason: fmt.Sprintf("a bank does not send an %s: our own document reflected", k)}
	}
	return doc, nil
}

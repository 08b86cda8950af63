package reading

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/spool"
	"bankconnector/crypto/cms"
	"bankconnector/formats"
	"bankconnector/formats/envelope"
)

// Parcel is an envelope from a bank, opened but not trusted.
type Parcel struct {
	Prefix, ID string
	Document   envelope.Entry
	Signatures []envelope.Entry // of the document; at least one

	manifest, manifestSignature []byte
}

// Verified is a parcel whose signatures hold. Only Verify makes one, and only a verified
// parcel is decoded.
type Verified struct {
	Parcel
	Verdict  cms.Verdict
	Manifest *formats.Manifest // nil: the bank left none
}

// Signer names the certificate that the verdict is about, or nothing.
func (p Verified) Signer() string {
	if p.Verdict.Signer == nil {
		return ""
	}
	return p.Verdict.Signer.Subject().Public + " " + p.Verdict.Signer.Fingerprint()
}

// Kind is what the parcel's name says that it holds.
func (p Parcel) Kind() formats.Kind {
	k, _ := formats.KindByPrefix(p.Prefix)
	return k
}

// Unwrap opens an envelope and tells its parts apart: exactly one document, named as the
// file is, at least one signature of it, nothing that nobody asked for. What it returns
// beside a refusal is as far as it could be read.
func Unwrap(name string, data []byte) (Parcel, *Refusal) {
	p := Parcel{}
	var err error
	if p.Prefix, p.ID, err = envelope.ParseName(name); err != nil {
		return p, &Refusal{Code: "name", State: formats.StateBadSchema, Reason: err.Error()}
	}
	entries, err := envelope.Open(data, envelope.DefaultLimits())
	if err != nil {
		return p, badEnvelope(err)
	}
	stem := p.Prefix + "_" + p.ID + ".xml"
	for _, e := range entries {
		switch {
		case e.Name == stem:
			p.Document = e
		case strings.HasPrefix(e.Name, stem+".") && strings.HasSuffix(e.Name, ".sig"):
			p.Signatures = append(p.Signatures, e)
		case e.Name == ManifestName:
			p.manifest = e.Data
		case e.Name == ManifestName+".sig":
			p.manifestSignature = e.Data
		default:
			return p, &Refusal{Code: "entry", State: formats.StateBadSchema, Reason: fmt.Sprintf("the envelope holds %q, which has no place in it", e.Name)}
		}
	}
	if p.Document.Name == "" {
		return p, &Refusal{Code: "entry", State: formats.StateBadSchema, Reason: fmt.Sprintf("the envelope holds no %s", stem)}
	}
	if len(p.Signatures) == 0 {
		return p, &Refusal{Code: "no-signature", State: formats.StateBadSignature, Reason: fmt.Sprintf("the document came without its signature %s.sig", stem)}
	}
	return p, nil
}

func badEnvelope(err error) *Refusal {
	r := &Refusal{Code: "zip", State: formats.StateBadSchema, Reason: err.Error()}
	if envelope.IsTruncated(err) {
		r.Code = Truncated
	}
	return r
}

// Truncated is the refusal code of a file that ends too early: perhaps it is still being
// written.
const Truncated = "truncated"

// Verify holds every signature of a parcel against the bank of this connection: who a
// file is from is decided by where it lay and who signed it, never by what it says. The
// verdict is that of the last signature looked at.
func (p Parcel) Verify(b *banks.Bank, policy Verifier, at time.Time) (Verified, *Refusal) {
	out := Verified{Parcel: p}
	for _, s := range p.Signatures {
		out.Verdict = policy.Verify(p.Document.Data, s.Data, at)
		if !out.Verdict.Valid() {
			return out, badSignature(s.Name, out.Verdict)
		}
	}
	if p.manifest == nil {
		if b.Format.Manifest == "required" {
			return out, &Refusal{Code: "manifest", State: formats.StateBadSchema, Reason: "the envelope has no manifest, which this bank's profile requires"}
		}
		return out, nil
	}
	if verdict := policy.Verify(p.manifest, p.manifestSignature, at); !verdict.Valid() {
		return out, badSignature(ManifestName+".sig", verdict)
	}
	m, refused := p.checkManifest(b)
	out.Manifest = m
	return out, refused
}

func badSignature(name string, verdict cms.Verdict) *Refusal {
	return &Refusal{Code: verdict.Code, State: formats.StateBadSignature, Reason: name + ": " + verdict.Text("en")}
}

// checkManifest reads a signed manifest and holds it against the envelope and the connection.
func (p Parcel) checkManifest(b *banks.Bank) (*formats.Manifest, *Refusal) {
	m, faults := formats.DecodeManifest(p.manifest)
	if len(faults) > 0 {
		return nil, BadDocument(faults)
	}
	if m.Recipient != Service || !slices.Contains(b.Codes(), m.Sender) {
		return nil, &Refusal{
			Code: "addressee", State: formats.StateWrongAddressee,
			Reason: fmt.Sprintf("the manifest is from %s to %s; this is the mailbox of bank %s", m.Sender, m.Recipient, b.BIC),
		}
	}
	listed := make(map[string]string)
	for _, e := range m.Entries {
		listed[e.Name] = e.SHA256
	}
	for _, e := range append([]envelope.Entry{p.Document}, p.Signatures...) {
		if listed[e.Name] != spool.Digest(e.Data) {
			return nil, &Refusal{Code: "manifest", State: formats.StateBadSchema, Reason: fmt.Sprintf("the manifest names another %s", e.Name)}
		}
		delete(listed, e.Name)
	}
	if len(listed) > 0 {
		return nil, &Refusal{Code: "manifest", State: formats.StateBadSchema, Reason: "the manifest lists entries that the envelope does not hold"}
	}
	return m, nil
}

// Decode reads the bytes whose signature holds, and no others.
func (p Verified) Decode(rules formats.Rules) (formats.Document, *Refusal) {
	doc, faults := formats.Decode(p.Document.Data, rules)
	if len(faults) > 0 {
		return nil, BadDocument(faults)
	}
	if doc.Kind() != p.Kind() {
		return nil, &Refusal{
			Code: "kind", State: formats.StateBadSchema,
			Reason: fmt.Sprintf("the file is named as %s and holds a %s", p.Prefix, doc.Kind()),
		}
	}
	if k := doc.Kind(); k == formats.KindOrder || k == formats.KindQuery {
		return nil, &Refusal{Code: "kind", State: formats.StateBadLogic, Reason: fmt.Sprintf("a bank does not send an %s: our own document reflected", k)}
	}
	return doc, nil
}

// Author is the BIC that a reply speaks for; a receipt names none.
func Author(doc formats.Document) (bic string, ok bool) {
	switch d := doc.(type) {
	case *formats.Report:
		return d.AuthorBIK, d.AuthorBIK != ""
	case *formats.Answer:
		return d.AuthorBIK, true
	default:
		return "", false
	}
}

// Subject is the key of the document that a reply is about.
func Subject(doc formats.Document) string {
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

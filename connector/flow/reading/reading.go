// Package reading understands what a file says before anybody acts on it: what the
// office left, and what a bank left. Its functions change nothing, and each takes what
// the one before returned: bytes are opened, an opened parcel is verified, and only a
// verified one is decoded.
//
// It may call journal and spool for what they name, banks, formats, envelope and cms.
package reading

import (
	"time"

	"bankconnector/crypto/cms"
	"bankconnector/formats"
)

// Service is the name of the bailiff service in a manifest, where a bank has its BIC.
const Service = "FSSP"

// ManifestName is the entry of an envelope that binds the others to the addressee.
const ManifestName = "manifest.xml"

// Verifier judges a signature as of the time of receipt.
type Verifier interface {
	Verify(content, sig []byte, at time.Time) cms.Verdict
}

// Refusal says why a document or a file is set aside.
type Refusal struct {
	Code   string // refusal code, English and stable
	State  int    // StateId for the receipt, formats.State*
	Reason string // one sentence
	Faults formats.Faults
}

// Error is the sentence.
func (r *Refusal) Error() string { return r.Reason }

// BadDocument is the refusal of a document with faults.
func BadDocument(faults formats.Faults) *Refusal {
	return &Refusal{Code: "document", State: faults.Code(), Reason: faults.Error(), Faults: faults}
}

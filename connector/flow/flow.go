// Package flow is the story of a visit: what waits for a bank goes out, what the bank
// left comes in, and every step stands in the journal before anything of it can be seen
// outside.
//
// It decides; it does not dial, parse bytes on the wire or keep files itself. It may
// call journal, spool, banks, formats, envelope and cms. Where our world ends (the
// bank's server, the signing key, trust in a signature) it declares an interface, and
// main brings the thing.
package flow

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
	"bankconnector/crypto/cms"
)

// Mailbox is one connection to a bank's exchange folders. All methods may be called by
// many goroutines at once. Every error is a *Failure; after a failure of kind Ambiguous
// nothing is known about the effect.
type Mailbox interface {
	// Upload puts the bytes where the bank does not take them yet, durable as far as the
	// server can, and reads them back; temp is ours alone and must not exist.
	Upload(ctx context.Context, temp, final string, data []byte) error
	// Publish makes the uploaded bytes visible under their final name, at most once for a temp.
	Publish(ctx context.Context, temp, final string) error
	// Look sees what stands under the temp name, then what under the final name.
	Look(ctx context.Context, temp, final string) (Sight, error)
	// Read returns a file of ours back, at most limit bytes.
	Read(ctx context.Context, final string, limit int64) ([]byte, error)
	// Sweep removes a temp file of ours that will never be published.
	Sweep(ctx context.Context, temp string) error
	// List returns what the bank left, bounded.
	List(ctx context.Context) (Listing, error)
	// Claim renames a bank's file to a name of ours; the failure is Gone when it vanished.
	Claim(ctx context.Context, name, claimed string) error
	// Fetch reads a claimed file whose size the listing told.
	Fetch(ctx context.Context, claimed string, size int64) ([]byte, error)
	// Discard removes a claimed file.
	Discard(ctx context.Context, claimed string) error
	Close() error
}

// File is one file on a bank's server.
type File struct {
	Name    string
	Size    int64
	ModTime time.Time
}

// Sight is what Look saw; nil means that the name was absent.
type Sight struct{ Temp, Final *File }

// Listing is what a bank's outgoing folder holds.
type Listing struct {
	Files     []File   // finished and well named
	Claimed   []File   // ours since an earlier visit
	Strange   []string // quoted names that are no envelope; never touched
	Truncated bool     // more than the limit: the rest comes next visit
}

// Signer seals what we send. It returns a detached CAdES-BES signature (DER) that has
// been verified against our own certificate.
type Signer interface {
	Sign(ctx context.Context, content []byte, at time.Time) ([]byte, error)
}

// Verifier judges a signature as of the time of receipt.
type Verifier interface {
	Verify(content, sig []byte, at time.Time) cms.Verdict
}

// Deadline says until when a document in this state must have come further, and by which
// rule of law; from is the moment the term starts.
type Deadline func(b *banks.Bank, state journal.State, kind string, from time.Time) (due time.Time, rule string)

// term puts the deadline of a document that enters a state into a change, with the time
// from which people are warned.
func (v *visit) term(c journal.Change, state journal.State, kind string) journal.Change {
	due, rule := v.Deadline(v.bank, state, kind, v.Now())
	warn := due.Add(-v.bank.Deadlines.Warn)
	c.DueAt, c.WarnAt, c.Rule = &due, &warn, rule
	return c
}

// Courier carries documents between the office and the banks. Its fields are set once,
// before the first visit.
type Courier struct {
	Book       *journal.Book
	Store      *spool.Store
	Office     *spool.Office
	Quarantine *spool.Quarantine

	Dial      func(ctx context.Context, b *banks.Bank) (Mailbox, error)
	Signer    Signer
	SignedBy  string                            // fingerprint of our certificate
	Verifier  func(b *banks.Bank) Verifier      // what a bank's signature is held against
	Officials Verifier                          // the bailiffs' signatures; nil: originals are carried unverified
	Others    func(b *banks.Bank) []*banks.Bank // every bank but b, to name whose reply strayed
	Deadline  Deadline

	Now    func() time.Time
	Unique func() string // fresh name part, never repeated: a UUID
	Log    *slog.Logger
	Watch  func(Progress)  // may be nil
	Halt   <-chan struct{} // closed: finish what is begun, begin nothing new; may be nil
	Batch  int             // documents sealed in one commit; 0 = 256

	visits visits
}

// Progress is one step of a visit for whoever watches it.
type Progress struct {
	Bank  banks.ID
	Sent  int // envelopes delivered so far in this visit
	Taken int // files taken so far in this visit
	Open  int // documents that wait to be sent
}

// Kind says what becomes of a failure.
type Kind string

// The fates of a failure.
const (
	Transient Kind = "transient" // the next visit tries again
	Refused   Kind = "refused"   // this document is set aside, the others go on
	Ambiguous Kind = "ambiguous" // the outcome is unknown; resolve finds out
	Operator  Kind = "operator"  // the bank stands still until a person acts
	Broken    Kind = "broken"    // journal or disk: the process must end
	Gone      Kind = "gone"      // the file is not there any more
	Exists    Kind = "exists"    // the name is taken
)

// Failure is an error with a fate.
type Failure struct {
	Op       string // what was tried, lower case
	Bank     banks.ID
	Document string // internal or external key, or a file's name; may be empty
	Kind     Kind
	Err      error
}

// Error tells operation, document and cause.
func (f *Failure) Error() string {
	if f.Document == "" {
		return fmt.Sprintf("%s: %v", f.Op, f.Err)
	}
	return fmt.Sprintf("%s %s: %v", f.Op, f.Document, f.Err)
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

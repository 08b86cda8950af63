// Package flow is the story of a visit: what waits for a bank goes out, what the bank
// left comes in, and every step stands in the journal before anything of it can be seen
// outside.
//
// It decides; it does not dial, parse bytes on the wire or keep files itself. Its inner
// rooms are intake (the office's documents come in), sealing (envelopes are made),
// waiting (documents that wait for something), reading (files are understood), rule (what
// happens next), hall (who is at work), ration (how much is held in memory) and fate (what becomes of a failure).
// It may call them, journal, spool, banks, formats, envelope and cms. Where our world ends
// (the bank's server, the signing key, trust in a signature) it declares an interface, and
// main brings the thing.
package flow

import (
	"context"
	"log/slog"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/flow/ground"
	"bankconnector/connector/flow/hall"
	"bankconnector/connector/flow/intake"
	"bankconnector/connector/flow/ration"
	"bankconnector/connector/flow/reading"
	"bankconnector/connector/flow/roll"
	"bankconnector/connector/flow/sealing"
	"bankconnector/connector/flow/waiting"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
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
	// Leftovers lists temp files of ours, by the pattern of their names.
	Leftovers(ctx context.Context) ([]File, error)
	// RealPaths tells where the two folders really lie, links followed; "" is what the server does not say.
	RealPaths(ctx context.Context) (toBank, fromBank string, err error)
	// List returns what the bank left, bounded.
	List(ctx context.Context) (Listing, error)
	// Claim renames a bank's file to a name of ours; the failure is Gone when it vanished.
	Claim(ctx context.Context, name, claimed string) error
	// Fetch reads a claimed file whose size the listing told; the failure is Changed when it has another one.
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

// size is the file's size, or nil for no file.
func (f *File) size() *int64 {
	if f == nil {
		return nil
	}
	return &f.Size
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

// term puts the deadline of a document that enters a state into a change.
func (v *visit) term(c journal.Change, state journal.State, kind string) journal.Change {
	return v.Deadline.Term(v.bank, state, kind, v.Now(), c)
}

// Courier carries documents between the office and the banks. Its fields are set once,
// before the first visit.
type Courier struct {
	Book       *journal.Book
	Store      *spool.Store
	Office     *spool.Office
	Quarantine *spool.Quarantine

	Dial      func(ctx context.Context, b *banks.Bank) (Mailbox, error)
	Signer    sealing.Signer
	SignedBy  string                               // fingerprint of our certificate
	Verifier  func(b *banks.Bank) reading.Verifier // what a bank's signature is held against
	Officials reading.Verifier                     // the bailiffs' signatures; nil: originals are carried unverified
	Others    func(b *banks.Bank) []*banks.Bank    // every bank but b, to name whose reply strayed
	Known     func(folder string) bool             // whether a folder of the office's inbox is a bank's; nil: nobody asks
	Deadline  waiting.Deadline
	Receive   error                  // why this journal may only receive, nothing be sent or taken in; nil: it may all
	MaySend   func() error           // why nothing may leave at all now; nil: it may
	Head      func() (string, error) // signed head of the journal for manifests; nil: unsigned

	Now    func() time.Time
	Unique func() string // fresh name part, never repeated: a UUID
	Log    *slog.Logger
	Watch  func(Progress)  // may be nil
	Hall   *hall.Hall      // how many visits are at work at once; nil: no bound
	Halt   <-chan struct{} // closed: finish what is begun, begin nothing new; may be nil
	Batch  int             // documents sealed in one commit; 0 = 256

	roll     roll.Roll
	memory   waiting.Memory
	places   ground.Memory
	contents ration.Contents // what is held in memory of opened files, over all visits
}

// Progress is one step of a visit for whoever watches it.
type Progress struct {
	Bank  banks.ID
	Sent  int // envelopes delivered so far in this visit
	Taken int // files taken so far in this visit
}

// Accept takes in a portion of what the office left for a bank, when nobody visits it: an
// order gets its answer "not sent, because" at once, not at the next visit.
func (c *Courier) Accept(ctx context.Context, b *banks.Bank) error {
	if c.Receive != nil {
		return nil // what the office left stays where it is
	}
	if !c.roll.Enter(string(b.BIC)) {
		return nil // the visit under way accepts
	}
	defer c.roll.Leave(string(b.BIC))
	_, faults, err := c.intake().Accept(ctx, b)
	return fate.Gravest(err, faults...)
}

func (c *Courier) intake() *intake.Intake {
	return &intake.Intake{
		Book: c.Book, Store: c.Store, Office: c.Office, Quarantine: c.Quarantine, Officials: c.Officials,
		Deadline: c.Deadline, Now: c.Now, Unique: c.Unique, Log: c.Log, Halt: c.Halt,
	}
}

func (c *Courier) watch() *waiting.Watch {
	return &waiting.Watch{Book: c.Book, Deadline: c.Deadline, Now: c.Now, Log: c.Log, Memory: &c.memory}
}

// Sweep raises the alarm for documents whose deadline has passed, and for those that the
// office left for a bank which nobody knows.
func (c *Courier) Sweep(ctx context.Context) error {
	if c.Known != nil {
		strays, err := c.Office.Strays(c.Known)
		if err != nil {
			return fate.Disk("", "look for stray documents", err)
		}
		if err := c.watch().Strays(ctx, strays); err != nil {
			return err
		}
	}
	return c.watch().Sweep(ctx)
}

func (c *Courier) sealer() *sealing.Sealer {
	return &sealing.Sealer{Book: c.Book, Store: c.Store, Signer: c.Signer, SignedBy: c.SignedBy, Head: c.Head, Now: c.Now}
}

// Package flow is the story of a visit: what waits for a bank goes out, what the bank
// left comes in, and every step stands in the journal before anything of it can be seen
// outside.
//
// It decides; it does not dial, parse bytes on the wire or keep files itself. Its inner
// rooms are intake (the office's documents come in), sealing (envelopes are made),
// waiting (documents that wait for something), box (what a bank's server can do), reading (files are understood), rule (what
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
	"bankconnector/connector/flow/box"
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

// The bank's server as a visit sees it; main brings the thing. Its words are kept in box.
type (
	// Mailbox is one connection to a bank's exchange folders.
	Mailbox = box.Mailbox
	// File is one file on a bank's server.
	File = box.File
	// Sight is what Look saw.
	Sight = box.Sight
	// Listing is what a bank's outgoing folder holds.
	Listing = box.Listing
)

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

	known
	earlier *known // of the courier that this one comes after; nil: none
}

// known is what one process has learnt and must not forget with a new configuration.
type known struct {
	roll     roll.Roll
	memory   waiting.Memory
	places   ground.Memory
	contents ration.Contents // what is held in memory of opened files, over all visits
}

// After makes c go on where another courier for the same journal is, before c is used. The
// visits of that one end with what they began with; who is being visited, what was told and
// how much is held in memory is one matter for both.
func (c *Courier) After(other *Courier) { c.earlier = other.all() }

func (c *Courier) all() *known {
	if c.earlier != nil {
		return c.earlier
	}
	return &c.known
}

// Progress is one step of a visit for whoever watches it.
type Progress struct {
	Bank  banks.ID
	Sent  int // envelopes delivered so far in this visit
	Taken int // files taken so far in this visit
}

// Accept takes in a portion of what the office left for a bank, when nobody visits it: an
// order gets its answer "not sent, because" at once, not at the next visit.
func (c *Courier) Accept(ctx context.Context, b *banks.Bank) (err error) {
	k := c.intake()
	if k == nil {
		return nil // what the office left stays where it is
	}
	end, ok := c.all().roll.TakeIn(string(b.BIC))
	if !ok {
		return nil // the visit under way takes it in
	}
	defer end()
	defer fate.Recover("accept", &err)
	_, faults, err := k.Accept(ctx, b, intake.Portion)
	return fate.Gravest(err, faults...)
}

// intake is how the office's documents come in. A journal that may only receive has none: it leaves them where they
// are, for it does not know what it took in before.
func (c *Courier) intake() *intake.Intake {
	if c.Receive != nil {
		return nil
	}
	return &intake.Intake{
		Book: c.Book, Store: c.Store, Office: c.Office, Quarantine: c.Quarantine, Officials: c.Officials,
		Deadline: c.Deadline, Now: c.Now, Unique: c.Unique, Log: c.Log, Halt: c.Halt,
	}
}

func (c *Courier) watch() *waiting.Watch {
	return &waiting.Watch{Book: c.Book, Deadline: c.Deadline, Now: c.Now, Log: c.Log, Memory: &c.all().memory}
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

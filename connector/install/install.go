package install

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"time"

	"bankconnector/banks"
	"bankconnector/banks/mailbox"
	"bankconnector/connector/approval"
	"bankconnector/connector/control"
	"bankconnector/connector/evidence"
	"bankconnector/connector/evidence/dated"
	"bankconnector/connector/evidence/note"
	"bankconnector/connector/evidence/outlet"
	"bankconnector/connector/flow"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/flow/hall"
	"bankconnector/connector/flow/reading"
	"bankconnector/connector/install/aging"
	"bankconnector/connector/install/ballast"
	"bankconnector/connector/install/road"
	"bankconnector/connector/install/signing"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
	"bankconnector/formats"
	"bankconnector/internal/durable"
)

// Options are what an installation takes from outside.
type Options struct {
	Now   func() time.Time
	Log   *slog.Logger
	Watch func(flow.Progress) // may be nil
	Halt  <-chan struct{}     // closed: begin nothing new
}

// Installation is the program with every room open. One process at a time has it.
type Installation struct {
	*Plan
	Book    *journal.Book
	Store   *spool.Store
	Office  *spool.Office
	Courier *flow.Courier

	opts   Options
	signer *signing.Signer
	tried  time.Time // when the turn to the next certificate was tried last
	keeper *evidence.Keeper
	stamps *dated.Stamper // nil: no authority is asked
	behind error          // why the journal may only receive; keeper is nil then
	door   *control.Server
	force  atomic.Pointer[Plan] // the configuration in force, for those who ask beside the daemon
	lock   *spool.Lock
	last   func() error // what is done after the journal was closed on a full disk
}

// ErrNoJournal reports a state folder that was in use and has lost its journal. A new
// one would send every document again that the office still has.
var ErrNoJournal = errors.New("the state folder holds documents but no journal.db: restore the journal from its copy, or take another state_dir")

// Open locks the state folder and opens every room. The error is spool.ErrLocked when
// another instance runs here.
func Open(ctx context.Context, p *Plan, o Options) (*Installation, error) {
	in := &Installation{Plan: p, opts: o}
	if err := in.open(ctx); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return in, nil
}

func (in *Installation) open(ctx context.Context) (err error) {
	dir := in.Config.StateDir
	if err := in.MayWrite(); err != nil {
		return err
	}
	if err := durable.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("open state folder: %w", err)
	}
	if in.lock, err = spool.Acquire(dir); err != nil {
		return err
	}
	if err := ballast.Take(dir); err != nil {
		return &fate.Failure{Op: "reserve disk space", Kind: fate.Broken, Err: err}
	}
	in.last = func() error { // when ctx may have ended
		o := journal.Options{Now: in.opts.Now, Instance: instance()}
		return ballast.LastWord(context.WithoutCancel(ctx), dir, in.JournalPath(), o, in.opts.Log)
	}
	if in.Book, err = openBook(ctx, in.Plan, in.opts.Now); err != nil {
		return err
	}
	if in.keeper, err = in.keep(ctx); errors.Is(err, evidence.ErrWitness) {
		err = in.receiveOnly(ctx, err)
	}
	if err != nil {
		return err
	}
	if err := in.gate(in.Plan).Check(ctx, in.Registry); err != nil {
		return err
	}
	if in.Store, err = spool.OpenStore(in.StorePath()); err != nil {
		return err
	}
	if err := aging.Finish(ctx, in.Book, in.Store); err != nil {
		return err
	}
	if in.Office, err = spool.OpenOffice(in.Config.OfficeDir, int64(in.Config.Office.FileSize)); err != nil {
		return err
	}
	for _, b := range in.Registry.All() {
		if err := in.Office.Prepare(string(b.BIC)); err != nil {
			return err
		}
	}
	if in.signer, err = signing.Open(ctx, &in.Config.Signing, in.opts.Now()); err != nil {
		return err
	}
	if in.Courier, err = in.courier(ctx, in.Plan); err != nil {
		return err
	}
	if err := in.announce(ctx, in.Plan); err != nil {
		return err
	}
	if err := in.date(ctx); err != nil {
		return err
	}
	in.warn(ctx, in.Plan)
	in.force.Store(in.Plan)
	in.door, err = control.Listen(ctx, dir, in.answer)
	return err
}

// openBook opens the journal, or begins it in a state folder that is new.
func openBook(ctx context.Context, p *Plan, now func() time.Time) (*journal.Book, error) {
	o := journal.Options{Now: now, Instance: instance()}
	path := p.JournalPath()
	_, err := os.Stat(path)
	if err == nil {
		return journal.Open(ctx, path, o)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	if empty, err := spool.ReadStore(p.StorePath()).Empty(); err != nil || !empty {
		return nil, fmt.Errorf("open journal: %w", errors.Join(ErrNoJournal, err))
	}
	return journal.Create(ctx, path, o)
}

// keep begins the checkpoints, once the journal has proven that it goes on from the newest.
func (in *Installation) keep(ctx context.Context) (*evidence.Keeper, error) {
	key, err := note.OpenKey(in.checkpointKey(), in.CheckpointPublicPath(), rand.Reader)
	if err != nil {
		return nil, err
	}
	paths := in.CheckpointPaths()
	o := evidence.Keeping{
		Key: key, Instance: instance(), File: paths[0], Outside: paths[1:], Waiting: filepath.Join(in.Config.StateDir, "checkpoints.waiting"),
		Now: in.opts.Now, Log: in.opts.Log,
	}
	if text := in.Config.Checkpoint.Syslog; text != "" {
		log, err := outlet.ReadLog(text)
		if err != nil {
			return nil, fmt.Errorf("checkpoint.syslog: %w", err)
		}
		o.Logs = append(o.Logs, log)
	}
	return evidence.Keep(ctx, in.Book, o)
}

// head is the signed head of the journal in one line, for a manifest.
func (in *Installation) head() (string, error) {
	n, err := in.keeper.Head()
	return n.Line(), err
}

// instance names this installation in every event.
func instance() string {
	if name, err := os.Hostname(); err == nil && name != "" {
		return name
	}
	return "bankconnector"
}

// courier joins the rooms for one configuration.
func (in *Installation) courier(ctx context.Context, p *Plan) (*flow.Courier, error) {
	trusted, err := in.trusted(ctx, p)
	if err != nil {
		return nil, err
	}
	bailiffs, err := officials(p.Config.Office)
	if err != nil {
		return nil, err
	}
	quarantine, err := p.Config.quarantine()
	if err != nil {
		return nil, err
	}
	roads := &mailbox.Dialer{Now: in.opts.Now}
	zone := p.Calendar.Zone() // a document's date is a day of the installation's zone
	c := &flow.Courier{
		Book: in.Book, Store: in.Store, Office: in.Office, Quarantine: quarantine,
		Dial: road.Dial(roads, p.Config.Visits.Handshakes), Signer: in.signer, SignedBy: in.signer.Certificate().Fingerprint(),
		Verifier: func(b *banks.Bank) reading.Verifier { return trusted.Verifier(b) },
		Others:   func(b *banks.Bank) []*banks.Bank { return trusted.Others(p.Registry, b) },
		Known:    p.knows, Deadline: p.deadline, Receive: in.behind,
		Now: func() time.Time { return in.opts.Now().In(zone) }, Unique: unique, Log: in.opts.Log, Watch: in.opts.Watch, Halt: in.opts.Halt,
		Hall: hall.New(p.Config.Visits.Parallel, in.opts.Now),
	}
	if in.Courier != nil {
		c.After(in.Courier)
	}
	if in.keeper != nil {
		c.MaySend, c.Head = in.keeper.MaySend, in.head
	}
	if bailiffs != nil {
		c.Officials = bailiffs
	}
	return c, nil
}

// unique is a fresh name part: 128 random bits, letters and digits only.
func unique() string { return rand.Text() }

// deadline gives the term in which a document must come further. It must be on its way by
// the end of a working day that the profile says; a receipt is due by the agreement with the bank; a report three working days from execution (229-ФЗ ст. 70
// ч. 5, ст. 81 ч. 3), an answer to a query seven from its receipt (ст. 69 ч. 10).
func (p *Plan) deadline(b *banks.Bank, state journal.State, kind string, from time.Time) (time.Time, string) {
	switch {
	case state == journal.Accepted:
		return p.Calendar.AddWorkingDays(from, b.Deadlines.SendDays).UTC(), "on its way by agreement"
	case state == journal.Delivered:
		return from.Add(b.Deadlines.Receipt).UTC(), "receipt by agreement"
	case kind == string(formats.KindQuery):
		return p.Calendar.AddWorkingDays(from, b.Deadlines.AnswerDays).UTC(), "229-ФЗ ст. 69 ч. 10"
	default:
		return p.Calendar.AddWorkingDays(from, b.Deadlines.ReportDays).UTC(), "229-ФЗ ст. 70 ч. 5, ст. 81 ч. 3"
	}
}

// announce writes into the journal which configuration is in force, for whoever later
// asks why a document went where it went.
func (in *Installation) announce(ctx context.Context, p *Plan) error {
	keys, err := p.Keys()
	if err != nil {
		return err
	}
	var rows []journal.BankRow
	for _, b := range p.Registry.All() {
		if danger := b.Delivery.Danger(); danger != "" && b.Delivery.Mode == "rename" { // with auto the server may have better
			in.opts.Log.WarnContext(ctx, danger, slog.Any("bank", b.BIC))
		}
		row := journal.BankRow{BIC: string(b.BIC), Name: b.Name, State: string(b.State)}
		if in.behind == nil {
			row.Route = approval.Identity(b)
		}
		rows = append(rows, row)
	}
	if year := in.opts.Now().Year(); !p.Calendar.Covers(year) {
		in.opts.Log.WarnContext(ctx, "calendar.days_off names no day of this year: deadlines count every weekday as worked", slog.Int("year", year))
	}
	digest, err := p.digest()
	if err != nil {
		return err
	}
	return in.Book.Write(ctx, "bankconnector", func(tx *journal.Tx) error {
		if err := tx.Note("config.loaded", "", 0, loaded{File: p.Path, SHA256: digest, Banks: len(rows)}); err != nil {
			return err
		}
		if err := tx.Banks(rows); err != nil {
			return err
		}
		return tx.Keys(keys)
	})
}

type loaded struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"` // of config.yaml and every bank file, in order
	Banks  int    `json:"banks"`
}

// digest is the SHA-256 over config.yaml and the bank files by BIC, each as
// "sha256hex  name\n": what sha256sum prints, hashed once more.
func (p *Plan) digest() (string, error) {
	paths := []string{p.Path}
	for _, b := range p.Registry.All() {
		paths = append(paths, b.File)
	}
	var sums []byte
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("digest configuration: %w", err)
		}
		sums = append(sums, spool.Digest(data)+"  "+filepath.Base(path)+"\n"...)
	}
	return spool.Digest(sums), nil
}

// Adopt puts a new configuration in force. Everything that can fail happens first; the
// state folder and the office folder cannot change while the daemon runs. Visits under
// way end with the courier they began with.
func (in *Installation) Adopt(ctx context.Context, p *Plan) error {
	if p.Config.StateDir != in.Config.StateDir || p.Config.OfficeDir != in.Config.OfficeDir {
		return errors.New("reload: state_dir and office_dir change only with a restart")
	}
	if !reflect.DeepEqual(p.Config.Checkpoint, in.Config.Checkpoint) {
		return errors.New("reload: checkpoint changes only with a restart")
	}
	if err := in.gate(p).Check(ctx, p.Registry); err != nil {
		return err
	}
	for _, b := range p.Registry.All() {
		if err := in.Office.Prepare(string(b.BIC)); err != nil {
			return err
		}
	}
	own, err := signing.Open(ctx, &p.Config.Signing, in.opts.Now())
	if err != nil {
		return err
	}
	old := in.signer
	in.signer = own
	c, err := in.courier(ctx, p)
	if err == nil {
		err = in.announce(ctx, p)
	}
	if err != nil {
		in.signer = old
		return errors.Join(err, own.Close())
	}
	in.Plan, in.Courier, in.tried = p, c, time.Time{}
	in.warn(ctx, p)
	in.force.Store(p)
	return old.Close() // a visit under way that still signs with a token opens its session again
}

// gate is where a configuration is held against the one before; neither may ask for fewer
// persons than the other. A journal that only receives has none: it sends nothing, and does
// not know what was approved.
func (in *Installation) gate(p *Plan) *approval.Gate {
	g := &approval.Gate{Book: in.Book, Needed: p.Config.Approvals.Config}
	switch now := in.force.Load(); {
	case in.behind != nil:
		return nil
	case now != nil:
		g.Needed = max(g.Needed, now.Config.Approvals.Config)
	}
	return g
}

// Close shuts the rooms in the reverse order of their opening.
func (in *Installation) Close() error {
	var errs []error
	if in.door != nil {
		errs = append(errs, in.door.Close())
	}
	if in.signer != nil {
		errs = append(errs, in.signer.Close())
	}
	if in.stamps != nil {
		errs = append(errs, in.stamps.Close())
	}
	if in.keeper != nil {
		errs = append(errs, in.keeper.Close())
	}
	if in.Store != nil {
		errs = append(errs, in.Store.Close())
	}
	if in.Book != nil {
		errs = append(errs, in.Book.Close())
		if in.Book.Full() {
			errs = append(errs, in.last())
		}
	}
	if in.lock != nil {
		errs = append(errs, in.lock.Release())
	}
	return errors.Join(errs...)
}

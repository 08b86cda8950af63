package install

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/backup"
	"bankconnector/connector/control"
	"bankconnector/connector/evidence"
	"bankconnector/connector/evidence/adopt"
	"bankconnector/connector/evidence/ledger"
	"bankconnector/connector/evidence/note"
	"bankconnector/connector/flow/act"
	"bankconnector/connector/install/signing"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
	"bankconnector/internal/durable"
)

// Inquiry is what the journal of this installation is held against: its own store,
// checkpoints and certificates. A journal of before there were checkpoints has none.
func (p *Plan) Inquiry() (q evidence.Inquiry, err error) {
	q.Path = p.JournalPath()
	if q.Certificates, err = p.Certificates(); err != nil {
		return q, err
	}
	q.Store = spool.ReadStore(p.StorePath())
	if q.Stamps, err = p.stamps(); err != nil {
		return q, err
	}
	key, err := p.checkpointPublic()
	if errors.Is(err, fs.ErrNotExist) {
		return q, nil
	}
	q.Keys, q.Checkpoints = []ed25519.PublicKey{key}, p.CheckpointPaths()
	return q, err
}

// Case opens what evidence is taken from, beside the daemon that writes it. Close its
// Book.
func (p *Plan) Case(ctx context.Context) (c evidence.Case, err error) {
	q, err := p.Inquiry()
	if err != nil {
		return c, err
	}
	c.Store, c.Checkpoints, c.Certificates, c.Stamps = q.Store, q.Checkpoints, q.Certificates, q.Stamps
	if len(q.Keys) > 0 {
		c.Key = q.Keys[0]
	}
	c.Book, err = journal.View(ctx, q.Path)
	return c, err
}

func (p *Plan) checkpointPublic() (ed25519.PublicKey, error) {
	path := p.CheckpointPublicPath()
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read key of checkpoints: %w", err)
	}
	key, err := note.ReadPublic(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// Day reads "2026-11-22" as a day of the installation's zone.
func (p *Plan) Day(text string) (time.Time, error) {
	day, err := time.ParseInLocation(time.DateOnly, text, p.Calendar.Zone())
	if err != nil {
		return day, fmt.Errorf("%q is no day; write it as 2026-11-22", text)
	}
	return day, nil
}

// Sign opens the service's own signature; close it.
func (p *Plan) Sign(ctx context.Context, now time.Time) (*signing.Signer, error) {
	return signing.Open(ctx, &p.Config.Signing, now)
}

// WriteRegisters writes the signed register of a day for each bank, or for one, into a
// folder, with the signature (detached CMS) beside it, and returns the files.
func (p *Plan) WriteRegisters(ctx context.Context, list []ledger.Register, dir string, at time.Time) (files []string, err error) {
	own, err := p.Sign(ctx, at)
	if err != nil {
		return nil, err
	}
	defer own.Close()
	for _, r := range list {
		data, err := r.CSV()
		if err != nil {
			return files, fmt.Errorf("write register: %w", err)
		}
		sig, err := own.Sign(ctx, data, at)
		if err != nil {
			return files, fmt.Errorf("sign register: %w", err)
		}
		path := filepath.Join(dir, r.Name())
		if err := errors.Join(durable.Replace(path, data, 0o640), durable.Replace(path+".sig", sig, 0o640)); err != nil {
			return files, fmt.Errorf("write register: %w", err)
		}
		files = append(files, path)
	}
	return files, nil
}

// Reconcile compares a bank's own register, a file, with what the journal says was sent to it, on
// a day or, with "", ever.
func (p *Plan) Reconcile(ctx context.Context, book *journal.Book, bank, day, path string) ([]ledger.Difference, error) {
	if _, ok := p.Registry.Bank(banks.ID(bank)); !ok {
		return nil, fmt.Errorf("no bank with BIC %q in %s", bank, p.Config.BanksDir)
	}
	theirs, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read register: %w", err)
	}
	lines, err := ledger.ReadRegister(theirs)
	if err != nil {
		return nil, err
	}
	var of time.Time
	if day != "" {
		if of, err = p.Day(day); err != nil {
			return nil, err
		}
	}
	ours, err := sent(ctx, book, of, bank)
	if err != nil {
		return nil, err
	}
	known, err := sent(ctx, book, time.Time{}, bank)
	return ledger.Reconcile(ours, known, lines), err
}

// Dispute records every difference in the journal, in the name of the person who runs this,
// and tells how many were not there before. It stops at the first that cannot be recorded;
// to run it again records the rest.
func (p *Plan) Dispute(ctx context.Context, o Options, bank, reason string, list []ledger.Difference) (changed int, err error) {
	for _, d := range list {
		out, err := Act(ctx, p, o, act.Request{Act: act.Dispute, Exchange: d.Exchange, Bank: bank, As: d.Text(), Reason: reason})
		if err != nil {
			return changed, err
		}
		if out.Changed {
			changed++
		}
	}
	return changed, nil
}

func sent(ctx context.Context, book *journal.Book, day time.Time, bank string) ([]journal.Exchange, error) {
	list, err := ledger.Registers(ctx, book, day, bank)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0].Lines, nil
}

// seal opens what checkpoints are signed with, and names where they are written.
func (p *Plan) seal() (s adopt.Seal, err error) {
	s = adopt.Seal{Instance: instance(), Files: p.CheckpointPaths()}
	s.Key, err = note.OpenKey(p.checkpointKey(), p.CheckpointPublicPath(), rand.Reader)
	return s, err
}

// WriteCheckpoint writes a checkpoint of the journal's head now, beside the daemon, and
// returns its text.
func (p *Plan) WriteCheckpoint(ctx context.Context) (string, error) {
	if err := p.MayWrite(); err != nil {
		return "", err
	}
	seal, err := p.seal()
	if err != nil {
		return "", err
	}
	book, err := journal.View(ctx, p.JournalPath())
	if err != nil {
		return "", err
	}
	text, err := seal.Checkpoint(ctx, book)
	return text, errors.Join(err, book.Close())
}

// BackUp copies the journal, the checkpoints and the stored documents, or proves a copy.
func (p *Plan) BackUp(ctx context.Context, c backup.Copies, at time.Time) (r backup.Result, err error) {
	q, err := p.Inquiry()
	if err != nil {
		return r, err
	}
	c.Known = p.Config.Backup
	return c.Run(ctx, backup.Source{
		Journal: p.JournalPath(), Store: p.StorePath(), Checkpoints: p.CheckpointPaths()[0], Public: p.CheckpointPublicPath(), Stamps: p.stampsPath(),
	}, q, at)
}

// AdoptJournal goes on with a journal that was restored from a copy, because a person says
// so. The error is spool.ErrLocked while a daemon works on it, adopt.ErrNothingLost when no
// checkpoint knows more than the journal, unless anyway.
func (p *Plan) AdoptJournal(ctx context.Context, now func() time.Time, reason string, anyway bool) (e journal.Event, err error) {
	lock, err := spool.Acquire(p.Config.StateDir)
	if err != nil {
		return e, err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	if err = p.MayWrite(); err != nil {
		return e, err
	}
	seal, err := p.seal()
	if err != nil {
		return e, err
	}
	book, err := journal.Open(ctx, p.JournalPath(), journal.Options{Now: now, Instance: instance()})
	if err != nil {
		return e, err
	}
	e, err = seal.Adopt(ctx, book, control.Self(), reason, anyway)
	return e, errors.Join(err, book.Close())
}

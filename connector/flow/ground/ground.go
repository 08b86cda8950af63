// Package ground holds a bank's folders to where they were: the server's own word for where they really lie is kept in the
// journal at the first visit and compared at every later one. Folders that were replaced, by a link or by others, would
// take our documents to somebody else, or give us somebody else's replies.
//
// It meets no bank. It may call fate, journal and banks.
package ground

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"bankconnector/banks"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/journal"
)

// Act is the name of the act by which folders are accepted: by the program at the first visit, later by a person.
const Act = "folders"

// Places are a bank's folders as its profile names them, and where they really lie; "" is what the server does not say.
type Places struct {
	Server   string `json:"server"` // user@host:port
	ToBank   Place  `json:"to_bank"`
	FromBank Place  `json:"from_bank"`
}

// Place is one folder.
type Place struct {
	Named string `json:"named"`
	Real  string `json:"real"`
}

// Of are the folders of a profile, with where they were seen.
func Of(b *banks.Bank, toBank, fromBank string) Places {
	return Places{
		Server: fmt.Sprintf("%s@%s:%d", b.SFTP.User, b.SFTP.Host, b.SFTP.Port),
		ToBank: Place{b.SFTP.ToBank, toBank}, FromBank: Place{b.SFTP.FromBank, fromBank},
	}
}

// same tells whether the profile has named these folders before.
func (p Places) same(o Places) bool {
	return p.Server == o.Server && p.ToBank.Named == o.ToBank.Named && p.FromBank.Named == o.FromBank.Named
}

// Ground compares.
type Ground struct {
	Book   *journal.Book
	Log    *slog.Logger
	Memory *Memory
}

// Memory is what one process knows, so that the journal is not asked at every visit. Its zero value knows nothing.
type Memory struct {
	accepted sync.Map // by bank: the places that stand in the journal
	told     sync.Map // by bank: other places that people know of
}

// Stand holds what a visit saw against what was accepted. The error is a *fate.Failure of kind Operator when a folder lies
// elsewhere: nothing is read or left there then. A profile that names other folders, or another server, is a person's
// decision already, and what is seen there is accepted anew.
func (g Ground) Stand(ctx context.Context, b *banks.Bank, seen Places) error {
	if known, ok := g.Memory.accepted.Load(b.BIC); ok && known == seen {
		return nil
	}
	accepted, known, err := Accepted(ctx, g.Book, b.BIC)
	if err != nil {
		return fate.Disk(b.BIC, "find accepted folders", err)
	}
	if !known || !accepted.same(seen) {
		return fate.Write(ctx, g.Book, b.BIC, "accept folders", func(tx *journal.Tx) error {
			return Accept(tx, b.BIC, seen, "the first visit to the folders of the profile")
		})
	}
	if accepted == seen {
		g.Memory.accepted.Store(b.BIC, seen)
		return nil
	}
	g.Memory.accepted.Delete(b.BIC)
	reason := fmt.Sprintf("the bank's folders are not where they were: %s is %q, accepted was %q; %s is %q, accepted was %q. Nothing is read or left there. "+
		"Ask the bank. If it has moved them: bankconnector bank accept %s --to-bank %q --from-bank %q --reason TEXT. If not, somebody else has",
		seen.ToBank.Named, seen.ToBank.Real, accepted.ToBank.Real, seen.FromBank.Named, seen.FromBank.Real, accepted.FromBank.Real,
		b.BIC, seen.ToBank.Real, seen.FromBank.Real)
	if old, ok := g.Memory.told.Load(b.BIC); !ok || old != seen {
		err := fate.Write(ctx, g.Book, b.BIC, "alarm", func(tx *journal.Tx) error {
			return tx.Note("alarm.folders", string(b.BIC), 0, alarm{reason, seen})
		})
		if err != nil {
			return err
		}
		g.Memory.told.Store(b.BIC, seen)
		g.Log.ErrorContext(ctx, "the bank's folders have moved", slog.Any("bank", b.BIC), slog.String("reason", reason))
	}
	return &fate.Failure{Op: "visit", Bank: b.BIC, Kind: fate.Operator, Err: errors.New(reason)}
}

// alarm is the body of alarm.folders.
type alarm struct {
	Reason string `json:"reason"`
	Seen   Places `json:"seen"`
}

// Accept records that a bank's folders are right where they are.
func Accept(tx *journal.Tx, bank banks.ID, p Places, reason string) error {
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write folders: %w", err)
	}
	return tx.Act(journal.Act{Act: Act, Bank: string(bank), Reason: reason, As: string(text)})
}

// Accepted are the folders of a bank that were accepted last.
func Accepted(ctx context.Context, book *journal.Book, bank banks.ID) (p Places, known bool, err error) {
	said, err := book.Said(ctx, Act, string(bank), 0)
	if err != nil || len(said) == 0 {
		return p, false, err
	}
	if err := json.Unmarshal([]byte(said[0]), &p); err != nil {
		return p, false, fmt.Errorf("read acts: %w", err)
	}
	return p, true, nil
}

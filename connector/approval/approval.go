// Package approval holds a configuration against the one that was in force before. Where a
// bank's documents go is decided by few lines of its profile; a slip of the pen there, or a
// file that was lost, must not turn them silently. Such a change waits until a person, or two,
// have approved it, with a reason that stands in the journal.
//
// It reads no files and opens nothing. It may call act for its texts, journal and banks.
package approval

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bankconnector/banks"
	"bankconnector/connector/flow/act"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
)

// Act is what an approval is called in the journal; one that waits for a second person has
// the ending that acts on documents have.
const (
	Act      = "approve"
	proposed = Act + ".proposed"
)

// Identity is what makes a bank's mailbox that bank's: its codes, the keys of its server, and
// the user and folders there. Where the server stands is none of it, for whoever has the key is
// the bank.
func Identity(b *banks.Bank) string {
	codes := b.Codes()
	slices.Sort(codes)
	var keys []string
	for _, k := range b.SFTP.HostKeys {
		text := k.Fingerprint()
		if !k.From.IsZero() {
			text += " from " + k.From.UTC().Format("2006-01-02T15:04Z")
		}
		if !k.Until.IsZero() {
			text += " until " + k.Until.UTC().Format("2006-01-02T15:04Z")
		}
		keys = append(keys, text)
	}
	slices.Sort(keys)
	return fmt.Sprintf("codes %s, user %s, folders %s and %s, keys %s",
		strings.Join(codes, " "), b.SFTP.User, b.SFTP.ToBank, b.SFTP.FromBank, strings.Join(keys, " "))
}

// Gate is where configurations are looked at; a nil one lets everything pass.
type Gate struct {
	Book   *journal.Book
	Needed int // how many persons must approve: 1 or 2
}

// change is one bank that is gone or turned; since is the event that made it what it was.
type change struct {
	bank  string
	text  act.Text
	since int64
}

// Refusal says what was not approved. The old configuration stays in force.
type Refusal struct{ act.Text }

// Error is the sentence in both languages, for a log that anybody may have to read.
func (r *Refusal) Error() string { return r.EN + " / " + r.RU }

// Check lets a configuration pass that turns no bank, or whose turns were approved since the
// last one was in force. The error is a *Refusal, which is alarmed as well, or says what is wrong
// with the journal.
func (g *Gate) Check(ctx context.Context, r *banks.Registry) error {
	if g == nil {
		return nil
	}
	list, err := g.changes(ctx, r)
	if err != nil || len(list) == 0 {
		return err
	}
	said, err := g.said(ctx, list)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(said, func(s saying) bool { return s.act == Act }) {
		return nil
	}
	var en, ru []string
	for _, c := range list {
		en, ru = append(en, c.text.EN), append(ru, c.text.RU)
	}
	refusal := &Refusal{act.Text{
		EN: strings.Join(en, "; ") + ". Nothing of it is in force until it is approved: bankconnector config approve --reason TEXT",
		RU: strings.Join(ru, "; ") + ". Это не вступит в силу, пока не одобрено: bankconnector config approve --reason ТЕКСТ",
	}}
	return errors.Join(refusal, g.alarm(ctx, refusal))
}

func (g *Gate) alarm(ctx context.Context, r *Refusal) error {
	return g.Book.Write(ctx, "bankconnector", func(tx *journal.Tx) error {
		return tx.Note("alarm.config", "", 0, struct {
			Reason string `json:"reason"`
		}{r.EN})
	})
}

// changes lists what must not happen silently, by bank.
func (g *Gate) changes(ctx context.Context, r *banks.Registry) (list []change, err error) {
	routes, err := g.Book.Routes(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the banks as they were: %w", err)
	}
	for _, was := range routes {
		b, there := r.Bank(banks.ID(was.BIC))
		c := change{bank: was.BIC, since: was.Since}
		switch {
		case there && Identity(b) == was.Route, !there && !was.Listed:
			continue
		case there:
			c.text = act.Text{
				EN: fmt.Sprintf("bank %s (%s) was: %s; it is now: %s", b.BIC, b.Name, was.Route, Identity(b)),
				RU: fmt.Sprintf("банк %s (%s) был: %s; теперь: %s", b.BIC, b.Name, was.Route, Identity(b)),
			}
		default:
			open, err := g.Book.OpenDocuments(ctx, []string{was.BIC})
			if err != nil {
				return nil, fmt.Errorf("count open documents: %w", err)
			}
			if open == 0 {
				continue
			}
			c.text = act.Text{
				EN: fmt.Sprintf("bank %s is gone and has open documents; state: suspended keeps them waiting", was.BIC),
				RU: fmt.Sprintf("банка %s больше нет, а его документы не завершены; с state: suspended они подождут", was.BIC),
			}
		}
		list = append(list, c)
	}
	return list, nil
}

// digest names a list of changes.
func digest(list []change) string {
	var text strings.Builder
	for _, c := range list {
		fmt.Fprintln(&text, c.text.EN)
	}
	return spool.Digest([]byte(text.String()))
}

// saying is what a person said about a list of changes.
type saying struct{ act, actor string }

// said lists what persons have said about exactly these changes since the banks became what
// they were: an approval counts for one change and not for the same once more.
func (g *Gate) said(ctx context.Context, list []change) (out []saying, err error) {
	events, err := g.Book.Approvals(ctx)
	if err != nil {
		return nil, fmt.Errorf("read approvals: %w", err)
	}
	since := slices.MaxFunc(list, func(a, b change) int { return cmp.Compare(a.since, b.since) }).since
	name := digest(list)
	for _, e := range events {
		var a journal.Act
		if err := json.Unmarshal(e.Body, &a); err != nil {
			return nil, fmt.Errorf("read event %d: %w", e.Seq, err)
		}
		if a.Config == name && e.Seq > since {
			out = append(out, saying{a.Act, e.Actor})
		}
	}
	return out, nil
}

// Approve records that a person approves what a configuration turns. The error is an
// *act.Refusal when there is nothing to approve, or another person must.
func (g *Gate) Approve(ctx context.Context, r *banks.Registry, actor, reason string) (out act.Outcome, err error) {
	list, err := g.changes(ctx, r)
	if err != nil {
		return out, err
	}
	if len(list) == 0 {
		return out, refuse("the configuration takes no bank away that has open documents and turns none: there is nothing to approve",
			"конфигурация не убирает банков с незавершёнными документами и не меняет их адресов и ключей: одобрять нечего")
	}
	if strings.TrimSpace(reason) == "" || len(reason) > 2000 {
		return out, refuse("a reason of at most 2000 octets is required: --reason", "нужна причина, не более 2000 байт: --reason")
	}
	for _, c := range list {
		out.Config = append(out.Config, c.text)
	}
	said, err := g.said(ctx, list)
	if err != nil {
		return out, err
	}
	if slices.ContainsFunc(said, func(s saying) bool { return s.act == Act }) {
		return out, nil
	}
	record := journal.Act{Act: Act, Reason: reason, Config: digest(list)}
	if len(list) == 1 {
		record.Bank = list[0].bank
	}
	for _, c := range list {
		record.Changes = append(record.Changes, c.text.EN)
	}
	switch {
	case g.Needed < 2:
	case len(said) == 0:
		record.Act, out.Waits = proposed, true
	case said[0].actor == actor:
		return out, refuse("%s has proposed it and cannot approve it too: another person must do the same",
			"%s уже предложил это и не может сам утвердить: то же должен сделать другой человек", actor)
	default:
		record.With = said[0].actor
	}
	out.Changed = true
	if err := g.Book.Write(ctx, actor, func(tx *journal.Tx) error { return tx.Act(record) }); err != nil {
		return out, fmt.Errorf("record the approval: %w", err)
	}
	return out, nil
}

func refuse(en, ru string, args ...any) *act.Refusal {
	return &act.Refusal{Text: act.Text{EN: fmt.Sprintf(en, args...), RU: fmt.Sprintf(ru, args...)}}
}

// Told says what was approved, line by line, and what comes of it.
func Told(out act.Outcome) []act.Text {
	if out.Waits {
		return append(out.Config, act.Text{EN: "recorded; another person must approve the same", RU: "записано; то же должен одобрить другой человек"})
	}
	return append(out.Config, act.Text{
		EN: "approved; it is in force with the next reload or start",
		RU: "одобрено; вступит в силу при следующей перезагрузке конфигурации или запуске",
	})
}

package install

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"bankconnector/connector/install/signing"
	"bankconnector/connector/journal"
)

// retry is how long after a failed turn the next attempt comes.
const retry = time.Minute

// turned is the body of config.signer and alarm.signing.
type turned struct {
	Certificate string `json:"certificate"` // file
	Signer      string `json:"signer,omitempty"`
	Reason      string `json:"reason,omitempty"`
}

// Turn puts signing.next in force when its moment has come, without a restart. Visits under
// way end with the certificate they began with. An attempt that fails is alarmed once and
// made again every minute; until it succeeds the old certificate signs, as long as it may.
// Only the one who calls Adopt may call it.
func (in *Installation) Turn(ctx context.Context) {
	now := in.opts.Now()
	if due := in.signer.Turn; due.IsZero() || now.Before(due) || now.Sub(in.tried).Abs() < retry {
		return
	}
	first := in.tried.Before(in.signer.Turn)
	in.tried = now
	next := turned{Certificate: in.Config.Signing.Next.CertificateFile}
	if err := in.turn(ctx, now); err != nil {
		in.opts.Log.ErrorContext(ctx, "signing.next cannot take over, the old certificate still signs", slog.Any("err", err))
		if next.Reason = err.Error(); first {
			in.note(ctx, "alarm.signing", next)
		}
		return
	}
	next.Signer = in.signer.Certificate().Subject().Public + " " + in.signer.Certificate().Fingerprint()
	in.opts.Log.WarnContext(ctx, "signing.next is in force; move its lines up into signing", slog.String("signer", next.Signer))
	in.note(ctx, "config.signer", next)
}

func (in *Installation) turn(ctx context.Context, now time.Time) error {
	own, err := signing.Open(ctx, &in.Config.Signing, now)
	if err != nil {
		return err
	}
	old := in.signer
	in.signer = own
	c, err := in.courier(ctx, in.Plan)
	if err != nil {
		in.signer = old
		return errors.Join(err, own.Close())
	}
	in.Courier = c
	return old.Close() // a visit under way that still signs with a token opens its session again
}

func (in *Installation) note(ctx context.Context, kind string, body any) {
	err := in.Book.Write(ctx, "bankconnector", func(tx *journal.Tx) error { return tx.Note(kind, "", 0, body) })
	if err != nil {
		in.opts.Log.ErrorContext(ctx, "note the certificate in force", slog.Any("err", err))
	}
}

// warn says at the start what is right today and will not be for long: the same that
// config check says.
func (in *Installation) warn(ctx context.Context, p *Plan) {
	now := in.opts.Now()
	for _, text := range p.Config.Signing.Warnings(ctx, now) {
		in.opts.Log.WarnContext(ctx, text)
	}
	t, err := p.trust()
	if err != nil {
		return // what it says was said when the courier was made
	}
	for _, b := range p.Registry.All() {
		for _, w := range t.Rehearse(b, now) {
			in.opts.Log.WarnContext(ctx, w.Text, slog.String("bank", w.Bank))
		}
	}
}

package rehearsal

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bankconnector/banks/rehearsal/host"
	"bankconnector/banks/rehearsal/letter"
	"bankconnector/formats"
)

// draft is a reply before it is numbered and sealed.
type draft struct {
	doc   formats.Document
	name  string        // of the envelope
	delay time.Duration // after the arrival
}

// plan makes the replies to a file: one receipt, and for an accepted document its
// report or the pages of its answer. Which they are depends on the line, the document
// and the seed only, so that every run plans the same.
func (o *office) plan(j judgement) []draft {
	receipt := draft{doc: o.receipt(j)}
	receipt.name = formats.KindReceipt.Prefix() + "_" + receipt.doc.Key() + ".zip"
	if o.habits[quirkLateReceipts] {
		receipt.delay = o.config.ReplyDelay + o.config.late()
	}
	list := []draft{receipt}
	if j.line.Verdict != accepted {
		return list
	}
	key := o.bank.Sample.BIC + "-" + j.line.InternalKey // digits: formats.Decode accepts no other key
	rnd := o.random(j.line.InternalKey)
	switch d := j.doc.(type) {
	case *formats.Order:
		final := o.config.FinalReports && !o.habits[quirkSecondReport]
		today := o.local(j.line.At)
		draw := func(key string) *formats.Report { return formats.SampleReport(d, o.bank.Sample, key, rnd, today) }
		list = append(list, o.report(draw, key, final))
		if o.habits[quirkSecondReport] {
			second := o.report(draw, key+"-2", true)
			second.doc.(*formats.Report).ReportNumber = 2
			second.delay += o.config.late()
			list = append(list, second)
		}
	case *formats.Query:
		for _, page := range formats.SampleAnswers(d, o.bank.Sample, key, rnd, o.local(j.line.At)) {
			if o.habits[quirkForeign] {
				page.AuthorBIK = o.foreign
			}
			list = append(list, o.draft(page))
		}
	}
	return list
}

func (o *office) draft(d formats.Document) draft {
	return draft{doc: d, name: d.Kind().Prefix() + "_" + d.Key() + ".zip", delay: o.config.ReplyDelay}
}

// report draws a bank's notice of execution; a final one is drawn until it is not
// "executed in part".
func (o *office) report(draw func(key string) *formats.Report, key string, final bool) draft {
	r := draw(key)
	for i := 0; final && !r.Final() && i < 100; i++ {
		r = draw(key)
	}
	if o.habits[quirkForeign] {
		r.AuthorBIK = o.foreign
	}
	return o.draft(r)
}

// random draws the same for the same seed, bank and document, in every run.
func (o *office) random(key string) *rand.Rand {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s", o.config.Seed, o.bank.Sample.BIC, key))
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:]))) //nolint:gosec // a sample, no secret
}

// receipt acknowledges a file. Its id names the file and the arrival, so that a file
// that arrives again gets a receipt of its own.
func (o *office) receipt(j judgement) *formats.Receipt {
	r := &formats.Receipt{
		ReceiptID:   fmt.Sprintf("%s-%s-%d", o.bank.Sample.BIC, j.line.SHA256[:16], j.line.Arrival),
		ReceiptDate: j.line.At,
		DocumentKey: j.line.InternalKey,
		FileName:    j.line.File,
		FileDigest:  j.line.SHA256,
		StateID:     formats.StateAccepted,
		StateText:   "принято к исполнению",
		Errors:      j.errs,
	}
	if state, err := strconv.Atoi(j.line.Verdict); err == nil {
		r.StateID, r.StateText = state, cut(j.line.Reason)
		if len(r.Errors) == 0 {
			r.Errors = []formats.ReceiptError{{Path: "/", Code: state, Text: cut(j.line.Reason)}}
		}
	}
	return r
}

// schedule gives each draft that was not sent yet its time.
func (o *office) schedule(line Received, drafts []draft) {
	left := 0
	for _, d := range drafts {
		if o.state.sent[d.name] == "" {
			left++
		}
	}
	o.state.left[line.Arrival] = left
	passed := max(0, o.config.Now().Sub(line.At))
	for _, d := range drafts {
		if o.state.sent[d.name] == "" {
			o.Later(d.delay-min(passed, d.delay), func(ctx context.Context) error { return o.send(ctx, line.Arrival, d) })
		}
	}
}

// send seals a reply, promises it in sent.jsonl and makes it visible.
func (o *office) send(ctx context.Context, number int64, d draft) error {
	if o.state.sent[d.name] != "" {
		return nil
	}
	kind := d.doc.Kind()
	last := o.state.last[letter.Stream(kind)]
	p := parting{
		At: o.now(), File: d.name, Kind: string(kind), Key: d.doc.Key(),
		Stream: letter.Stream(kind), Seq: last.Seq + 1, Arrival: number, Left: o.state.left[number] - 1,
	}
	if o.habits[quirkSkipsNumber] && p.Seq == 2 {
		p.Seq++ // as if the second one was written and lost
	}
	place := letter.Place{Stream: p.Stream, Seq: p.Seq, Previous: last.SHA256}
	data, err := o.writer(kind).Seal(ctx, strings.TrimSuffix(d.name, ".zip"), d.doc, place, p.At)
	if err != nil {
		return fmt.Errorf("seal %s: %w", d.name, err)
	}
	p.SHA256 = letter.Digest(data)
	if err := o.box(d.name, data); err != nil {
		return err
	}
	// A crash here leaves files without a line: the next start removes them and seals anew.
	if err := o.step("boxed"); err != nil {
		return err
	}
	if err := o.sent.add(false, p); err != nil {
		return err
	}
	o.state.part(p)
	// A crash here leaves a promised reply in the outbox: the next start publishes it.
	if err := o.step("promised"); err != nil {
		return err
	}
	if err := o.publish(d.name); err != nil {
		return err
	}
	return o.step("published")
}

// writer signs and names as the quirks of the bank want it.
func (o *office) writer(k formats.Kind) *letter.Writer {
	w := &letter.Writer{Sender: o.bank.Sample.BIC, Signer: o.bank.Signer}
	switch {
	case o.habits[quirkUnsigned]:
		w.Signer = nil
	case o.habits[quirkWrongSigner]:
		w.Signer = o.stranger
	}
	if o.habits[quirkForeign] && k != formats.KindReceipt {
		w.Sender = o.foreign
	}
	return w
}

// box puts a reply into sent/ and, whole or half, into outbox/.
func (o *office) box(name string, data []byte) error {
	kept, boxed := filepath.Join(o.dir, "sent", name), filepath.Join(o.dir, "outbox", name)
	if err := os.WriteFile(kept, data, 0o600); err != nil {
		return err
	}
	if o.habits[quirkHalfFile] {
		return os.WriteFile(boxed, data[:len(data)/2], 0o600)
	}
	return os.Link(kept, boxed)
}

// publish makes a reply visible. One that is boxed only half appears so and is
// completed in place later, wherever the client has moved it by then.
func (o *office) publish(name string) error {
	boxed := filepath.Join(o.dir, "outbox", name)
	visible := filepath.Join(o.dir, "root", host.FromBank, name)
	whole, err := os.Stat(filepath.Join(o.dir, "sent", name))
	if err != nil {
		return err
	}
	now, err := os.Stat(boxed)
	if err != nil {
		return err
	}
	if now.Size() == whole.Size() {
		return os.Rename(boxed, visible)
	}
	abandoned := filepath.Join(o.dir, "root", host.FromBank, "rep_abandoned.zip.part")
	if err := os.WriteFile(abandoned, []byte("PK"), 0o600); err != nil {
		return err
	}
	if !linked(now) {
		if err := os.Link(boxed, visible); err != nil {
			return err
		}
	}
	o.Later(o.config.late(), func(context.Context) error { return o.complete(name, now.Size()) })
	return nil
}

// linked tells whether a file has another name: an earlier run made it visible.
func linked(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink > 1
}

// complete appends what was missing of a reply published half.
func (o *office) complete(name string, size int64) error {
	boxed := filepath.Join(o.dir, "outbox", name)
	data, err := os.ReadFile(filepath.Join(o.dir, "sent", name))
	if err != nil {
		return err
	}
	f, err := os.OpenFile(boxed, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data[size:], size)
	return errors.Join(err, f.Close(), os.Remove(boxed))
}

// repeat puts a reply that was taken there once more, one time.
func (o *office) repeat(name string) error {
	if o.state.sent[name] == "" || o.state.repeated[name] {
		return nil
	}
	p := parting{At: o.now(), File: name, Again: true}
	if err := o.sent.add(false, p); err != nil {
		return err
	}
	o.state.part(p)
	err := os.Link(filepath.Join(o.dir, "sent", name), filepath.Join(o.dir, "root", host.FromBank, name))
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	return err
}

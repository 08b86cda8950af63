package rehearsal

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"bankconnector/banks/rehearsal/letter"
	"bankconnector/formats"
	"bankconnector/formats/envelope"
)

// judgement is what the bank thinks of one file.
type judgement struct {
	line Received
	doc  formats.Document // nil if unreadable
	errs []formats.ReceiptError
}

// judge examines a file of the archive and remembers the result.
func (o *office) judge(a arrival) (judgement, error) {
	j, err := o.reread(a, o.now())
	if err != nil {
		return judgement{}, err
	}
	o.state.remember(j.line)
	return j, nil
}

// reread examines a file of the archive as of the time it arrived, without
// remembering it.
func (o *office) reread(a arrival, at time.Time) (judgement, error) {
	limits := envelope.DefaultLimits()
	data, digest, err := readFile(filepath.Join(o.dir, "archive", a.file()), limits.FileBytes)
	if err != nil {
		return judgement{}, fmt.Errorf("read %s: %w", a.file(), err)
	}
	l, verdict := o.reader.Open(a.name, data, o.local(at))
	if verdict == nil {
		verdict = o.compare(l, digest)
	}
	j := judgement{doc: l.Doc, line: Received{
		At: at, File: a.name, SHA256: digest, Kind: string(l.Kind), Verdict: accepted, Arrival: a.number,
	}}
	if l.Doc != nil {
		j.line.InternalKey = l.Doc.Key()
	}
	if r, ok := l.Doc.(*formats.Receipt); ok {
		j.line.InternalKey, j.line.State = r.DocumentKey, r.StateID
	}
	_, seen := o.state.known[memoryKey(j.line)]
	j.line.Duplicate = seen && j.line.InternalKey != ""
	if l.Manifest != nil {
		j.line.Stream, j.line.Seq = l.Manifest.Stream, l.Manifest.Seq
	}
	var no *letter.Refusal
	if errors.As(verdict, &no) {
		j.line.Verdict, j.line.Reason, j.errs = strconv.Itoa(no.State), no.Text, receiptErrors(no)
	}
	return j, nil
}

// readFile reads a file up to limit and hashes all of it; a longer one comes cut,
// and the envelope's own limit refuses it.
func readFile(path string, limit int64) (data []byte, digest string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	h := sha256.New()
	if data, err = io.ReadAll(io.TeeReader(io.LimitReader(f, limit+1), h)); err != nil {
		return nil, "", err
	}
	if _, err = io.Copy(h, f); err != nil {
		return nil, "", err
	}
	return data, hex.EncodeToString(h.Sum(nil)), nil
}

// compare holds a letter against what arrived before it.
func (o *office) compare(l *letter.Letter, digest string) error {
	if r, ok := l.Doc.(*formats.Receipt); ok {
		return errors.Join(o.checkReceipt(r), o.checkNumber(l.Manifest, digest))
	}
	// The order is that of banks: a repetition is called so whatever else is wrong with it.
	if o.state.known[l.Doc.Key()] {
		return letter.Refuse(formats.StateDuplicate, "a document with key %s was accepted before", l.Doc.Key())
	}
	if err := o.checkNumber(l.Manifest, digest); err != nil {
		return err
	}
	return o.checkBase(l.Doc)
}

// checkReceipt finds the document of the bank that a receipt names: by its key, or by
// the file when the receiver could not read the key.
func (o *office) checkReceipt(r *formats.Receipt) error {
	name, digest := r.DocumentKey, o.state.own[r.DocumentKey]
	if digest == "" {
		name, digest = r.FileName, o.state.sent[r.FileName]
	}
	switch {
	case digest == "":
		return letter.Refuse(formats.StateNoBase, "no document %q in a file %q was sent", r.DocumentKey, r.FileName)
	case !strings.EqualFold(digest, r.FileDigest):
		return letter.Refuse(formats.StateBadLogic, "the receipt names digest %q of %q, sent was %q", r.FileDigest, name, digest)
	}
	return nil
}

// checkNumber refuses a number used twice and a broken link to the envelope before.
// A gap is no fault: files of one visit arrive in any order.
func (o *office) checkNumber(m *formats.Manifest, digest string) error {
	stream := o.state.streams[m.Stream]
	if d := stream[m.Seq]; d != "" && d != digest {
		return letter.Refuse(formats.StateBadLogic, "number %d of stream %s was used before", m.Seq, m.Stream)
	}
	if d, ok := stream[m.Seq-1]; ok && d != strings.ToLower(m.Previous) || m.Seq == 1 && m.Previous != "" {
		return letter.Refuse(formats.StateBadLogic, "number %d of stream %s names another envelope before it", m.Seq, m.Stream)
	}
	return nil
}

// checkBase refuses what acts on a document that is not here, a lifting without its
// arrest above all.
func (o *office) checkBase(d formats.Document) error {
	order, ok := d.(*formats.Order)
	if !ok {
		return nil
	}
	if base, ok := order.Base(); ok && !o.state.known[base] {
		return letter.Refuse(formats.StateNoBase, "base document %s was not accepted here", base)
	}
	return nil
}

// receiptErrors words a refusal for the receipt.
func receiptErrors(r *letter.Refusal) []formats.ReceiptError {
	if len(r.Faults) == 0 {
		return []formats.ReceiptError{{Path: "/", Code: r.State, Text: cut(r.Text)}}
	}
	var errs []formats.ReceiptError
	for _, f := range r.Faults[:min(len(r.Faults), 100)] {
		errs = append(errs, formats.ReceiptError{Path: cmp.Or(f.Path, "/"), Code: f.Code, Text: cut(f.RU)})
	}
	return errs
}

// cut makes a text fit into a receipt: one line of at most 1000 characters.
func cut(s string) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	return string(r[:min(len(r), 1000)])
}

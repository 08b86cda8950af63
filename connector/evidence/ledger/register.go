// Package ledger is the register of what was sent to a bank on a day, which both sides can
// hold against each other, and every difference between the two.
//
// It writes texts, reads theirs and changes nothing. It may call journal.
package ledger

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bankconnector/connector/journal"
)

// Register is what was sent to one bank on one day: the documents, not our receipts.
type Register struct {
	Bank  string
	Day   time.Time // its first moment
	Lines []journal.Exchange
}

// sentAt is when a document left, as far as anybody knows.
func sentAt(x journal.Exchange) *time.Time {
	if x.DeliveredAt != nil {
		return x.DeliveredAt
	}
	return x.SendingAt
}

// Registers reads what was sent on a day, of the zone in which the day is given; no day
// (zero) is all days. No bank is all banks. They come by bank.
func Registers(ctx context.Context, book *journal.Book, day time.Time, bank string) ([]Register, error) {
	f := journal.Filter{Bank: bank, Kinds: []string{"order", "query"}}
	end := day.AddDate(0, 0, 1)
	if !day.IsZero() {
		f.Until = end
	}
	list, err := book.Find(ctx, f)
	if err != nil {
		return nil, err
	}
	var out []Register
	place := make(map[string]int)
	for _, x := range list {
		at := sentAt(x)
		if at == nil || !day.IsZero() && (at.Before(day) || !at.Before(end)) {
			continue
		}
		i, ok := place[x.Bank]
		if !ok {
			i = len(out)
			place[x.Bank] = i
			out = append(out, Register{Bank: x.Bank, Day: day})
		}
		out[i].Lines = append(out[i].Lines, x)
	}
	slices.SortFunc(out, func(a, b Register) int { return strings.Compare(a.Bank, b.Bank) })
	return out, nil
}

// columns of a register.
var columns = [...]string{
	"bank", "stream", "seq", "kind", "code", "internal_key", "file_name", "file_sha256", "file_size", "state",
	"delivered_at", "confirmed_at", "answered_at", "answer_code",
}

// Name is the file name of a register.
func (r Register) Name() string {
	return fmt.Sprintf("register_%s_%s.csv", r.Bank, r.Day.Format(time.DateOnly))
}

// CSV writes a register: a line for each document, then one that begins with # and holds
// the totals.
func (r Register) CSV() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(columns[:]); err != nil {
		return nil, err
	}
	states := make(map[journal.State]int)
	var first, last int64
	for _, x := range r.Lines {
		states[x.State]++
		if first == 0 || x.Seq < first {
			first = x.Seq
		}
		last = max(last, x.Seq)
		if err := w.Write([]string{
			x.Bank, x.Stream, strconv.FormatInt(x.Seq, 10), x.Kind, x.Code, x.InternalKey, x.FileName, x.FileSHA256,
			strconv.FormatInt(x.FileSize, 10), string(x.State), stamp(x.DeliveredAt), stamp(x.ConfirmedAt), stamp(x.AnsweredAt), x.AnswerCode,
		}); err != nil {
			return nil, err
		}
	}
	w.Flush()
	fmt.Fprintf(&b, "# bank %s, day %s, documents %d, numbers %d to %d", r.Bank, r.Day.Format("2006-01-02 MST"), len(r.Lines), first, last)
	for _, s := range journal.States() {
		if states[s] > 0 {
			fmt.Fprintf(&b, ", %s %d", s, states[s])
		}
	}
	b.WriteByte('\n')
	return b.Bytes(), w.Error()
}

func stamp(at *time.Time) string {
	if at == nil {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

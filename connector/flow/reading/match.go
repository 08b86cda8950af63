package reading

import (
	"fmt"
	"time"

	"bankconnector/formats"
)

// skew is how far a bank's clock may be ahead of ours.
const skew = 5 * time.Minute

// Sent is the document that a reply claims to be about, as it went out.
type Sent struct {
	Kind, Key  string
	DocDate    string // 2026-11-22
	FileSHA256 string // of the envelope
}

// Impossible says why a reply cannot be what it claims to be, or nothing.
func Impossible(doc formats.Document, x Sent, now time.Time) string {
	switch d := doc.(type) {
	case *formats.Report:
		if x.Kind != string(formats.KindOrder) {
			return fmt.Sprintf("a report answers an order, %s is a %s", x.Key, x.Kind)
		}
		return impossibleDate(d.DocDate, x, now)
	case *formats.Answer:
		if x.Kind != string(formats.KindQuery) {
			return fmt.Sprintf("an answer answers a query, %s is an %s", x.Key, x.Kind)
		}
		return impossibleDate(d.DocDate, x, now)
	case *formats.Receipt:
		if d.FileDigest != "" && d.FileDigest != x.FileSHA256 {
			return fmt.Sprintf("the receipt names the digest %.16s, we sent %.16s", d.FileDigest, x.FileSHA256)
		}
		if d.FileDigest == "" && d.StateID < formats.StateBadSignature {
			return "the receipt does not name the digest of the file it acknowledges"
		}
		if d.ReceiptDate.After(now.Add(skew)) {
			return fmt.Sprintf("the receipt is dated %s, in the future", d.ReceiptDate.Format(time.RFC3339))
		}
	}
	return ""
}

// impossibleDate: a reply cannot be older than the document it answers, nor be written
// tomorrow.
func impossibleDate(date formats.Date, x Sent, now time.Time) string {
	if string(date) < x.DocDate {
		return fmt.Sprintf("the reply is dated %s, before its document (%s)", date, x.DocDate)
	}
	// Dates carry no zone and banks sit in eleven of them: twelve hours more than our clock
	// is the latest today on the map.
	if latest := now.UTC().Add(12*time.Hour + skew).Format(time.DateOnly); string(date) > latest {
		return fmt.Sprintf("the reply is dated %s, in the future", date)
	}
	return ""
}

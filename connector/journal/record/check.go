package record

import (
	"errors"
	"fmt"
)

// Check tells what an acceptance must say and does not.
func (a Acceptance) Check() error {
	switch {
	case a.Bank == "" || a.Kind == "" || a.InternalKey == "":
		return errors.New("bank, kind and internal key are required")
	case !IsDigest(a.SourceSHA256):
		return errors.New("source is not named by a SHA-256 in hex")
	case a.Amount != nil && *a.Amount < 0:
		return errors.New("amount is negative")
	case a.Held && a.Reason == "":
		return errors.New("held without a reason")
	case a.DueAt != nil && a.WarnAt != nil && a.WarnAt.After(*a.DueAt):
		return errors.New("warning time is after the deadline")
	}
	return nil
}

// Check tells what a settlement says and may not.
func (s Settlement) Check() error {
	switch s.Outcome {
	case "matched", "duplicate", "conflict", "orphan", "quarantined", "incomplete", "misdirected":
	default:
		return fmt.Errorf("unknown outcome %q", s.Outcome)
	}
	switch {
	case s.ContentSHA256 != "" && !IsDigest(s.ContentSHA256):
		return errors.New("content is not named by a SHA-256 in hex")
	case s.Seq < 0 || (s.Seq > 0) != (s.Stream != ""):
		return fmt.Errorf("number %d of stream %q is no number of a stream", s.Seq, s.Stream)
	}
	return nil
}

package ledger

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"bankconnector/connector/journal"
)

// Line is one document in the other side's register. What its file does not tell is
// empty.
type Line struct {
	Key    string `json:"internal_key"`
	SHA256 string `json:"file_sha256,omitempty"`
	File   string `json:"file_name,omitempty"`
	Seq    int64  `json:"seq,omitempty"`
	Row    int    `json:"row"` // in their file, from 1
}

// ReadRegister reads the other side's register: CSV with a head line, separated by
// commas or semicolons, or a JSON object a line. Columns internal_key, file_sha256 or
// sha256, file_name or file, and seq are used; only the first must be there.
func ReadRegister(data []byte) ([]Line, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return readJSON(data)
	}
	return readCSV(data)
}

func readJSON(data []byte) (out []Line, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	for row := 1; ; row++ {
		var l struct {
			Line
			Digest string `json:"sha256"`
			Name   string `json:"file"`
			Kind   string `json:"kind"`
		}
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("read register: object %d: %w", row, err)
		}
		l.SHA256, l.File, l.Row = first(l.SHA256, l.Digest), first(l.File, l.Name), row
		if l.Key == "" {
			return nil, fmt.Errorf("read register: object %d has no internal_key", row)
		}
		out = append(out, l.Line)
	}
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func readCSV(data []byte) (out []Line, err error) {
	r := csv.NewReader(bytes.NewReader(data))
	r.Comment, r.TrimLeadingSpace = '#', true
	if head, _, _ := bytes.Cut(data, []byte("\n")); bytes.Count(head, []byte(";")) > bytes.Count(head, []byte(",")) {
		r.Comma = ';'
	}
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read register: %w", err)
	}
	if len(rows) == 0 {
		return nil, errors.New("read register: the file is empty")
	}
	at := make(map[string]int)
	for i, name := range rows[0] {
		at[strings.ToLower(strings.TrimSpace(name))] = i + 1
	}
	if at["internal_key"] == 0 {
		return nil, errors.New("read register: no column internal_key in the first line")
	}
	for i, row := range rows[1:] {
		get := func(names ...string) string {
			for _, name := range names {
				if n := at[name]; n > 0 {
					return strings.TrimSpace(row[n-1])
				}
			}
			return ""
		}
		l := Line{Key: get("internal_key"), SHA256: get("file_sha256", "sha256"), File: get("file_name", "file"), Row: i + 2}
		if seq := get("seq"); seq != "" {
			if l.Seq, err = strconv.ParseInt(seq, 10, 64); err != nil {
				return nil, fmt.Errorf("read register: line %d: seq %q is no number", l.Row, seq)
			}
		}
		out = append(out, l)
	}
	return out, nil
}

// Difference is one document on which the two sides do not agree.
type Difference struct {
	// Kind is "missing" (we sent it, they do not have it), "unknown" (they have it, we did not send it), "changed"
	// (other bytes), "number" (other number in the stream), "twice" (they have it more than once) or "other-day".
	Kind     string `json:"kind"`
	Key      string `json:"internal_key"`
	Exchange int64  `json:"exchange,omitempty"`
	Row      int    `json:"row,omitempty"` // in their file
	Ours     string `json:"ours,omitempty"`
	Theirs   string `json:"theirs,omitempty"`
}

// Text is the difference in one line of English, the same for the same difference.
func (d Difference) Text() string {
	text := "register: " + d.Kind + " " + strconv.Quote(d.Key)
	if d.Ours != "" {
		text += ", ours " + strconv.Quote(d.Ours)
	}
	if d.Theirs != "" {
		text += ", theirs " + strconv.Quote(d.Theirs)
	}
	return text
}

// Reconcile names every difference between what we sent and what they say they have.
// Ours are the documents that must be there; known are all that were ever sent to the
// bank.
func Reconcile(ours, known []journal.Exchange, theirs []Line) []Difference {
	mine, ever, seen := byKey(ours), byKey(known), make(map[string]bool)
	var out []Difference
	for _, l := range theirs {
		x, ok := mine[l.Key]
		switch {
		case seen[l.Key]:
			out = append(out, Difference{Kind: "twice", Key: l.Key, Exchange: x.ID, Row: l.Row})
			continue
		case !ok && ever[l.Key].ID != 0:
			out = append(out, Difference{Kind: "other-day", Key: l.Key, Exchange: ever[l.Key].ID, Row: l.Row, Ours: stamp(sentAt(ever[l.Key]))})
		case !ok:
			out = append(out, Difference{Kind: "unknown", Key: l.Key, Row: l.Row, Theirs: first(l.SHA256, l.File)})
		case l.SHA256 != "" && !strings.EqualFold(l.SHA256, x.FileSHA256):
			out = append(out, Difference{"changed", l.Key, x.ID, l.Row, x.FileSHA256, l.SHA256})
		case l.File != "" && l.File != x.FileName:
			out = append(out, Difference{"changed", l.Key, x.ID, l.Row, x.FileName, l.File})
		case l.Seq != 0 && l.Seq != x.Seq:
			out = append(out, Difference{"number", l.Key, x.ID, l.Row, strconv.FormatInt(x.Seq, 10), strconv.FormatInt(l.Seq, 10)})
		}
		seen[l.Key] = true
	}
	for _, x := range ours {
		if !seen[x.InternalKey] {
			out = append(out, Difference{Kind: "missing", Key: x.InternalKey, Exchange: x.ID, Ours: x.FileName})
		}
	}
	slices.SortStableFunc(out, func(a, b Difference) int { return strings.Compare(a.Key, b.Key) })
	return out
}

func byKey(list []journal.Exchange) map[string]journal.Exchange {
	out := make(map[string]journal.Exchange, len(list))
	for _, x := range list {
		out[x.InternalKey] = x
	}
	return out
}

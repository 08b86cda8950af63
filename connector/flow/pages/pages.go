// Package pages keeps the pages of an answer together: which have come, whether one more fits them, which are missing. A
// bank may send them in any order and in any number of visits.
//
// It acts on nothing, and may call journal, whose events say what came, and formats.
package pages

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bankconnector/connector/journal"
	"bankconnector/formats"
)

// Settled is the kind of the events that tell of a page.
const Settled = "incoming.settled"

// Page is one page of an answer; one that comes whole is page 1 of 1.
type Page struct{ Number, Count int }

// Of is the page that a document is; zero for what is no answer.
func Of(doc formats.Document) Page {
	a, ok := doc.(*formats.Answer)
	if !ok {
		return Page{}
	}
	return Page{max(a.PageNumber, 1), max(a.PageCount, 1)}
}

// Conflict is why a page cannot belong to the answer whose other pages came before.
type Conflict struct{ Reason string }

// Error is the reason.
func (c *Conflict) Error() string { return c.Reason }

// Come lists the pages that the events of a query tell of.
func Come(events []journal.Event) (list []Page, err error) {
	for _, e := range events {
		var s journal.Settlement
		if e.Kind != Settled {
			continue
		}
		if err := json.Unmarshal(e.Body, &s); err != nil {
			return nil, fmt.Errorf("read event %d: %w", e.Seq, err)
		}
		if s.Outcome == "matched" && s.Pages > 0 {
			list = append(list, Page{s.Page, s.Pages})
		}
	}
	return list, nil
}

// Whole tells whether with one more page the answer is whole. The error is a *Conflict when the page contradicts one that
// came: which of the two the bank means, nobody can tell from here. An answer of one page may be followed by another one.
func Whole(come []Page, p Page) (bool, error) {
	for _, c := range come {
		switch {
		case c.Count == 1 && p.Count == 1:
		case c.Count != p.Count:
			return false, &Conflict{fmt.Sprintf("page %d is of %d pages, and page %d, which came before, of %d", p.Number, p.Count, c.Number, c.Count)}
		case c.Number == p.Number:
			return false, &Conflict{fmt.Sprintf("page %d of %d came before in another file", p.Number, p.Count)}
		}
	}
	return p.Count == 1 || len(come)+1 == p.Count, nil
}

// Missing says which pages have not come, or nothing when no page has or all have.
func Missing(come []Page) string {
	if len(come) == 0 {
		return ""
	}
	var gone []string
	for n := 1; n <= come[0].Count; n++ {
		if !slices.Contains(come, Page{n, come[0].Count}) {
			gone = append(gone, strconv.Itoa(n))
		}
	}
	const most = 20
	if len(gone) > most {
		gone = append(gone[:most], "…")
	}
	if len(gone) == 0 {
		return ""
	}
	return fmt.Sprintf("of %d pages of the answer there are missing: %s", come[0].Count, strings.Join(gone, ", "))
}

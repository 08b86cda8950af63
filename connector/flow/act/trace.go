package act

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"bankconnector/connector/journal"
)

// acted is an event's act; the kind of every other event is "".
func acted(e journal.Event) (a journal.Act) {
	if e.Kind == "operator.acted" && json.Unmarshal(e.Body, &a) != nil {
		return journal.Act{}
	}
	return a
}

// done tells whether the last that happened to a document is this very act: a repeat of it
// changes nothing.
func done(events []journal.Event, r Request) bool {
	for i := len(events) - 1; i >= 0; i-- {
		switch a := acted(events[i]); {
		case a.Act != "":
			return a.Act == r.Act && a.As == r.As && a.Confirmed == r.Confirm
		case !strings.HasPrefix(events[i].Kind, "exchange."):
		case moves(events, i):
		default:
			return false
		}
	}
	return false
}

// moves tells whether event i is a step that an act made in its own commit: the act stands
// right before it, with the same time.
func moves(events []journal.Event, i int) bool {
	for j := i - 1; j >= 0 && events[j].At.Equal(events[i].At) && events[j].Actor == events[i].Actor; j-- {
		if a := acted(events[j]); a.Act != "" {
			return true
		}
	}
	return false
}

// proposal is who proposed this act, if nothing has happened to the document since; "" if
// nobody did.
func proposal(events []journal.Event, r Request) string {
	for i := len(events) - 1; i >= 0; i-- {
		switch a := acted(events[i]); {
		case a.Act == r.Act+proposed && a.As == r.As && a.Confirmed == r.Confirm:
			return events[i].Actor
		case strings.HasPrefix(events[i].Kind, "exchange."):
			return ""
		}
	}
	return ""
}

// Renames tells whether a person has asked for the same rename again since the last intent:
// only then may a document be renamed that its bank's profile holds.
func Renames(events []journal.Event) bool {
	for i := len(events) - 1; i >= 0 && events[i].Kind != "exchange.sending"; i-- {
		if a := acted(events[i]); a.Act == Resend {
			return !a.Confirmed
		}
	}
	return false
}

// Unmistakable refuses a word that found document x and is the number of another one.
func Unmistakable(ctx context.Context, book *journal.Book, x journal.Exchange, word string) error {
	id, err := strconv.ParseInt(word, 10, 64)
	if err != nil || id == x.ID {
		return nil
	}
	other, err := book.Exchange(ctx, id)
	if errors.Is(err, journal.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return refuse("%s is the key of document %d and the id of document %d (key %s): name it by the other one",
		"%s — ключ документа %d и номер документа %d (ключ %s): назовите его иначе", word, x.ID, other.ID, other.InternalKey)
}

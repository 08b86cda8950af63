package record

import (
	"strings"
	"testing"

	"bankconnector/connector/journal/sqlite"
)

// opened is the first event of an order with this document number.
func opened(seq int64, prev, number string) (*Event, Opened) {
	e := sample()
	e.Seq, e.Prev, e.Kind, e.Exchange = seq, prev, "exchange.opened", seq
	return &e, Opened{State: "Accepted", Class: "office", Acceptance: Acceptance{
		Bank: e.Bank, Kind: "order", InternalKey: number, DocNum: number, Stream: "documents",
	}}
}

// TestTablesMeanTheText: what is no UTF-8 becomes a mark in an event's text, so the tables
// must have the mark as well, or a proof would find them different.
func TestTablesMeanTheText(t *testing.T) {
	for name, text := range map[string]string{
		"plain": "77/1", "Russian": "77/1-ИП", "escaped": "a<b>&\"\\\u2028\n", "looks like a mark": `\ufffd`,
		"is the mark": "\ufffd", "no UTF-8": "77/\xff\xfe", "cut letter": "ИП"[:3], "zero": "a\x00b",
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := tables(t)
			last, err := c.One(`SELECT hash FROM event ORDER BY seq DESC LIMIT 1`)
			if err != nil {
				t.Fatal(err)
			}
			var page Page
			e, o := opened(4, last.Str(0), text)
			if err := page.Append(c, e, o); err != nil {
				t.Fatal(err)
			}
			if err := page.Flush(c); err != nil {
				t.Fatal(err)
			}
			read, err := body[Opened](&Event{Body: e.Body})
			if err != nil {
				t.Fatal(err)
			}
			row, err := c.One(`SELECT doc_num FROM exchange WHERE id = 4`)
			if err != nil || row.Str(0) != read.DocNum {
				t.Errorf("the table has %q, the event says %q, %v", row.Str(0), read.DocNum, err)
			}
		})
	}
}

// TestUndo: events before the mark are there after it, as if the others had never been.
func TestUndo(t *testing.T) {
	c, _ := tables(t)
	last, err := c.One(`SELECT hash FROM event ORDER BY seq DESC LIMIT 1`)
	if err != nil {
		t.Fatal(err)
	}
	var page Page
	put := func(seq int64, prev, number string) string {
		e, o := opened(seq, prev, number)
		if err := page.Append(c, e, o); err != nil {
			t.Fatal(err)
		}
		return e.Hash
	}
	begin(t, c)
	first := put(4, last.Str(0), "kept")
	mark := page.Len()
	put(5, first, "dropped")
	if err := c.Rollback(); err != nil {
		t.Fatal(err)
	}
	begin(t, c)
	if err := page.Undo(c, mark); err != nil {
		t.Fatal(err)
	}
	put(5, first, "instead")
	if err := page.Flush(c); err != nil {
		t.Fatal(err)
	}
	if err := c.Script("COMMIT"); err != nil {
		t.Fatal(err)
	}
	var got []string
	err = c.Each(`SELECT e.seq || ' ' || x.internal_key FROM event e JOIN exchange x ON x.last_event = e.seq ORDER BY e.seq`, func(f sqlite.Fields) error {
		got = append(got, f.Str(0))
		return nil
	})
	if want := "4 kept, 5 instead"; err != nil || strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q, %v", got, want, err)
	}
	day, err := c.One(`SELECT accepted FROM day WHERE accepted > 0`)
	if err != nil || day.Num(0) != 2 {
		t.Errorf("the day counts %v, want 2, %v", day, err)
	}
}

// TestManyEventsGoInTogether: every size of a portion keeps the order and the chain.
func TestManyEventsGoInTogether(t *testing.T) {
	for _, n := range []int64{1, 7, 8, 9, 31, 32, 33, 75} {
		c, _ := tables(t)
		row, err := c.One(`SELECT hash FROM event ORDER BY seq DESC LIMIT 1`)
		if err != nil {
			t.Fatal(err)
		}
		var page Page
		prev := row.Str(0)
		for seq := int64(4); seq < 4+n; seq++ {
			e := sample()
			e.Seq, e.Prev, e.Kind, e.Exchange = seq, prev, "note.x", 0
			if err := page.Append(c, &e, struct{}{}); err != nil {
				t.Fatal(err)
			}
			prev = e.Hash
		}
		if err := page.Flush(c); err != nil {
			t.Fatal(err)
		}
		got, err := c.One(`SELECT count(*), max(seq), (SELECT hash FROM event ORDER BY seq DESC LIMIT 1) FROM event`)
		if err != nil || got.Num(0) != n+3 || got.Num(1) != n+3 || got.Str(2) != prev {
			t.Errorf("%d events: got %v, %v", n, got, err)
		}
	}
}

func begin(t *testing.T, c *sqlite.Conn) {
	t.Helper()
	if err := c.Script("BEGIN"); err != nil {
		t.Fatal(err)
	}
}

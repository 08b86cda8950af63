package record

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"
)

// FuzzProject: whatever stands in an event that somebody forged, the replay
// ends with an error, never with a panic or a broken engine.
func FuzzProject(f *testing.F) {
	for kind, body := range map[string]string{
		"exchange.opened":    `{"state":"Accepted","class":"office","bank":"1","kind":"order","internal_key":"k","amount":5,"sources":[{"name":"a","sha256":"b"}]}`,
		"exchange.sealed":    `{"class":"office","from":"Accepted","to":"Sealed","seq":1,"file_name":"a.zip","file_sha256":"b"}`,
		"exchange.answered":  `{"class":"office","from":"Sending","to":"Answered","due_at":"2026-11-22T09:00:00Z","warn_at":"0001-01-01T00:00:00Z"}`,
		"exchange.attempted": `{"error":"x"}`,
		"incoming.received":  `{"id":1,"name":"a","sha256":"b","size":-1}`,
		"incoming.settled":   `{"id":1,"outcome":"matched","exchange_id":9}`,
		"incoming.reopened":  `{"id":1,"reason":"x"}`,
		"visit.begun":        `{"id":1,"slot":"s"}`,
		"visit.ended":        `{"id":1,"outcome":"ok","sent":1,"taken":2,"bytes":3}`,
		"slot.taken":         `{"slot":"s","at":"2026-11-22T09:00:00.000Z"}`,
		"operator.acted":     `{"act":"a","reason":"b"}`,
		"keys.listed":        `{"keys":[{"what":"w","subject":"s","not_after":"2026-11-22T09:00:00Z"}]}`,
		"banks.listed":       `{"banks":[{"bic":"1","name":"b"}]}`,
		"note.x":             `null`,
	} {
		f.Add(kind, "044525225", int64(1), body)
	}
	f.Fuzz(func(t *testing.T, kind, bank string, exchange int64, body string) {
		c, _ := tables(t)
		if err := c.Script(`INSERT INTO bank VALUES ('1', '2', '3')`); err != nil {
			t.Fatal(err)
		}
		for seq := int64(4); seq < 6; seq++ { // twice, so that the second meets what the first made
			e := Event{Seq: seq, At: time.Unix(0, 0), Kind: kind, Bank: bank, Exchange: exchange, Body: json.RawMessage(body)}
			err := new(Page).Replay(c, &e)
			var fault sqlite3.Error
			if errors.As(err, &fault) && fault.Code == sqlite3.ErrError {
				t.Fatalf("the statement itself is wrong: %v", err)
			}
		}
		if row, err := c.One(`PRAGMA integrity_check`); err != nil || row.Str(0) != "ok" {
			t.Fatalf("integrity: %v, %v", row, err)
		}
	})
}

package record

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bankconnector/connector/journal/sqlite"
)

func sample() Event {
	return Event{
		Seq: 258, At: time.Date(2026, 11, 22, 9, 0, 0, 7e6, time.UTC), Instance: "узел-1", Actor: "daemon",
		Kind: "exchange.sealed", Bank: "044525225", Exchange: 12, Body: json.RawMessage(`{"reason":"п. 5"}`),
		Prev: "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
	}
}

// TestDigestByHand builds the octets of the chain as the comment of Event says,
// with a shell, and lets sha256sum hash them: the proof needs no program of ours.
func TestDigestByHand(t *testing.T) {
	const recipe = `
length() { printf '%016x' "$(printf %s "$1" | wc -c)" | sed 's/../\\x&/g'; }
text() { printf "$(length "$1")"; printf %s "$1"; }
{
	printf 'bankconnector/journal/v1\0'
	printf '\0\0\0\0\0\0\1\2'
	printf "$(printf 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff | sed 's/../\\x&/g')"
	text '2026-11-22T09:00:00.007Z'
	text 'узел-1'
	text 'daemon'
	text 'exchange.sealed'
	text '044525225'
	text '12'
	text '{"reason":"п. 5"}'
} | sha256sum | cut -d' ' -f1`
	out, err := exec.CommandContext(t.Context(), "bash", "-c", recipe).CombinedOutput()
	if err != nil {
		t.Fatalf("bash, sed and sha256sum are needed (apt install bash sed coreutils): %v: %s", err, out)
	}
	e := sample()
	var buf bytes.Buffer
	got, err := e.Digest(&buf)
	if err != nil || got != strings.TrimSpace(string(out)) {
		t.Errorf("digest is %s, %v, by hand %s", got, err, out)
	}
}

func TestDigestCoversEverything(t *testing.T) {
	var buf bytes.Buffer
	base := sample()
	want, err := base.Digest(&buf)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Event){
		"seq":      func(e *Event) { e.Seq++ },
		"at":       func(e *Event) { e.At = e.At.Add(time.Millisecond) },
		"instance": func(e *Event) { e.Instance += "x" },
		"actor":    func(e *Event) { e.Actor = "" },
		"kind":     func(e *Event) { e.Kind = "exchange.sent" },
		"bank":     func(e *Event) { e.Bank = "044525226" },
		"exchange": func(e *Event) { e.Exchange = 13 },
		"body":     func(e *Event) { e.Body = json.RawMessage(`{"reason":"п. 6"}`) },
		"prev":     func(e *Event) { e.Prev = "1" + e.Prev[1:] },
		"a letter over a border": func(e *Event) {
			e.Actor, e.Kind = e.Actor+"e", e.Kind[1:]
		},
	} {
		e := sample()
		change(&e)
		if got, err := e.Digest(&buf); err != nil || got == want {
			t.Errorf("%s is not covered (%v)", name, err)
		}
	}
	base.Prev = "not hex"
	if _, err := base.Digest(&buf); err == nil {
		t.Error("a prev that is no digest was hashed")
	}
	base.Prev = "0011"
	if _, err := base.Digest(&buf); err == nil {
		t.Error("a short prev was hashed")
	}
}

func TestIsDigest(t *testing.T) {
	for text, want := range map[string]bool{
		NoHash: true, strings.Repeat("af", 32): true, "": false, strings.Repeat("AF", 32): false,
		strings.Repeat("a", 63): false, strings.Repeat("a", 65): false, strings.Repeat("a", 63) + "g": false,
		"a" + strings.Repeat("-", 62) + "a": false,
	} {
		if IsDigest(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

// tables makes an empty journal with three events.
func tables(t *testing.T) (*sqlite.Conn, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.db")
	c, err := sqlite.Scratch(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, _, err := sqlite.Migrate(c, Migrations()); err != nil {
		t.Fatal(err)
	}
	var page Page
	prev := NoHash
	for seq := int64(1); seq <= 3; seq++ {
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
	return c, path
}

func TestEventsAreAppendOnly(t *testing.T) {
	values := func(seq, prev string) string {
		return `(seq, at, instance, actor, kind, bank, exchange, body, prev, hash) VALUES (` + seq +
			`, '2026-11-22T09:00:00.007Z', 'x', 'x', 'note.x', '', 0, '{}', ` + prev + `, '` + NoHash + `')`
	}
	last := `(SELECT hash FROM event ORDER BY seq DESC LIMIT 1)`
	refused := map[string]string{
		"Update":               `UPDATE event SET body = '{}' WHERE seq = 2`,
		"UpdateOfTheNumber":    `UPDATE event SET seq = 9 WHERE seq = 3`,
		"Delete":               `DELETE FROM event WHERE seq = 2`,
		"DeleteTheLast":        `DELETE FROM event WHERE seq = 3`,
		"DeleteAll":            `DELETE FROM event`,
		"InsertOrReplace":      `INSERT OR REPLACE INTO event ` + values("2", last),
		"InsertOrReplaceLast":  `INSERT OR REPLACE INTO event ` + values("3", last),
		"Replace":              `REPLACE INTO event ` + values("3", last),
		"InsertOrIgnore":       `INSERT OR IGNORE INTO event ` + values("3", last),
		"Upsert":               `INSERT INTO event ` + values("3", last) + ` ON CONFLICT (seq) DO UPDATE SET body = '{}'`,
		"UpdateOrReplace":      `UPDATE OR REPLACE event SET seq = 2 WHERE seq = 3`,
		"Gap":                  `INSERT INTO event ` + values("5", last),
		"NumberZero":           `INSERT INTO event ` + values("0", last),
		"NumberLeftToSQLite":   `INSERT INTO event ` + values("NULL", last),
		"OtherPrev":            `INSERT INTO event ` + values("4", `'`+NoHash+`'`),
		"PrevIsNothing":        `INSERT INTO event ` + values("4", `NULL`),
		"BodyIsNoJSON":         strings.Replace(`INSERT INTO event `+values("4", last), `'{}'`, `'{'`, 1),
		"NextOrReplaceAtFirst": `INSERT OR REPLACE INTO event ` + values("1", `'`+NoHash+`'`),
	}
	check := func(t *testing.T, run func(sql string) error) {
		t.Helper()
		for name, sql := range refused {
			t.Run(name, func(t *testing.T) {
				if err := run(sql); err == nil {
					t.Errorf("went through: %s", sql)
				}
			})
		}
	}
	t.Run("HereWithOurSettings", func(t *testing.T) {
		c, _ := tables(t)
		check(t, c.Script)
		if n, err := c.Number(`SELECT count(*) FROM event WHERE body = '{}'`); n != 3 || err != nil {
			t.Errorf("%d events are left, %v", n, err)
		}
		if err := c.Script(`INSERT INTO event ` + values("4", last)); err != nil {
			t.Errorf("the next event: %v", err)
		}
	})
	t.Run("InTheCommandLineWithItsDefaults", func(t *testing.T) {
		_, path := tables(t)
		check(t, func(sql string) error {
			out, err := exec.CommandContext(t.Context(), "sqlite3", path, sql).CombinedOutput()
			if err != nil && len(out) == 0 {
				t.Fatalf("sqlite3 is needed (apt install sqlite3): %v", err)
			}
			return err
		})
	})
}

func TestProjectRefusesWhatItDoesNotKnow(t *testing.T) {
	c, _ := tables(t)
	for kind, body := range map[string]string{
		"nonsense":          `{}`,
		"exchange.lost":     `{"from":"Sealed","to":"Sending"}`,
		"exchange.sealed":   `{"from":"Accepted","to":"Sealed"}`, // no such exchange
		"exchange.opened":   `[`,
		"incoming.eaten":    `{"id":1}`,
		"incoming.handed":   `{"id":1}`,
		"visit.ended":       `{"id":1}`,
		"slot.lost":         `{}`,
		"keys.listed":       `{"keys":5}`,
		"operator.acted":    `"x"`,
		"incoming.settled":  `{"id":1,"outcome":"matched"}`,
		"exchange.answered": `{}`,
		"book.archived":     `[]`,
	} {
		e := Event{Seq: 4, At: time.Unix(0, 0), Kind: kind, Bank: "044525225", Exchange: 1, Body: json.RawMessage(body)}
		if err := new(Page).Replay(c, &e); err == nil {
			t.Errorf("%s was projected", kind)
		}
	}
}

func TestMigrationsOpenInTheOldestTool(t *testing.T) {
	text, err := os.ReadFile("migrations/0001_book.sql")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sqlite3", "-bail", ":memory:")
	cmd.Stdin = strings.NewReader(string(text) + `
		SELECT * FROM exchanges; SELECT * FROM receipts; SELECT * FROM incoming; SELECT * FROM overdue; SELECT * FROM visits;
		SELECT * FROM bank_daily; SELECT * FROM operator_acts; SELECT * FROM keys_expiring; SELECT * FROM banks;`)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("sqlite3 (apt install sqlite3): %v: %s", err, out)
	}
}

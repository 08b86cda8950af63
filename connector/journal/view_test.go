package journal

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// promised are the columns that checks and reports outside rely on.
func promised() map[string]string {
	document := "id bank kind code internal_key doc_num doc_date ip_num amount state seq accepted_at sealed_at delivered_at " +
		"confirmed_at answered_at closed_at due_at attempts file_name file_sha256 answer_code reason"
	return map[string]string{
		"exchanges":     document,
		"receipts":      document + " parent",
		"incoming":      "id bank name sha256 size received_at verdict signer kind external_key exchange_id outcome",
		"overdue":       document + " rule due_at late_by",
		"visits":        "id bank slot started_at ended_at outcome sent taken bytes error",
		"bank_daily":    "bank day accepted delivered confirmed answered rejected suspect first_event last_event oldest_open",
		"operator_acts": "at actor act exchange bank reason",
		"keys_expiring": "bank what subject not_after days_left",
	}
}

func TestViewsKeepTheirColumns(t *testing.T) {
	d := newDesk(t)
	for view, columns := range promised() {
		names := strings.Split(text(t, d, `SELECT group_concat(name) FROM pragma_table_info(?)`, view), ",")
		for _, c := range strings.Fields(columns) {
			if !slices.Contains(names, c) {
				t.Errorf("view %s has no column %s", view, c)
			}
		}
	}
}

func text(t *testing.T, d *desk, query string, args ...any) string {
	t.Helper()
	var s sql.NullString
	if err := d.DB().QueryRowContext(t.Context(), query, args...).Scan(&s); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	if !s.Valid {
		return "NULL"
	}
	return s.String
}

func TestViewsShowMoneyAndTimes(t *testing.T) {
	d := newDesk(t)
	for kopecks, want := range map[int64]string{
		0: "0.00", 1: "0.01", 99: "0.99", 100: "1.00", 150000: "1500.00", 92233720368547758: "922337203685477.58",
	} {
		a := order(bankA, want)
		a.Amount = &kopecks
		id := d.accept(t, a)
		if got := text(t, d, `SELECT amount FROM exchanges WHERE id = ?`, id); got != want {
			t.Errorf("%d kopecks are shown as %s", kopecks, got)
		}
	}
	a := order(bankA, "none")
	a.Amount = nil
	id := d.accept(t, a)
	for column, want := range map[string]string{
		"amount": "NULL", "seq": "NULL", "accepted_at": "2026-11-22T09:00:00.000Z", "sealed_at": "NULL", "attempts": "0",
	} {
		if got := text(t, d, "SELECT "+column+" FROM exchanges WHERE id = ?", id); got != want {
			t.Errorf("%s is %s, want %s", column, got, want)
		}
	}
}

func TestViewsKeepDocumentsAndReceiptsApart(t *testing.T) {
	d := newDesk(t)
	x := d.bring(t, "order", "k1", Delivered)
	r := d.accept(t, Acceptance{Bank: bankA, Kind: "receipt", InternalKey: "r1", SourceSHA256: sum("r1"), Parent: x})
	if got := text(t, d, `SELECT group_concat(id) FROM exchanges`); got != fmt.Sprint(x) {
		t.Errorf("exchanges shows %s", got)
	}
	if got := text(t, d, `SELECT id || ' of ' || parent FROM receipts`); got != fmt.Sprintf("%d of %d", r, x) {
		t.Errorf("receipts shows %s", got)
	}
	if got := text(t, d, `SELECT open FROM receipts`); got != "0" {
		t.Error("a receipt of ours counts as an open document")
	}
}

func TestViewOverdue(t *testing.T) {
	d := newDesk(t)
	now := time.Now()
	for key, c := range map[string]struct {
		due  time.Duration
		warn time.Duration // before due
		want string        // beginning of late_by, "" = not shown
	}{
		"two days late":  {-51*time.Hour - 10*time.Minute - 5*time.Second, 0, "2d 03:10"},
		"warned":         {5*time.Hour + 5*time.Second, 24 * time.Hour, "-0d 05:00"},
		"not yet warned": {5 * time.Hour, time.Hour, ""},
		"far":            {500 * time.Hour, 0, ""},
	} {
		id := d.bring(t, "order", key, Sending)
		due := now.Add(c.due)
		warn := due.Add(-c.warn)
		d.advance(t, id, Sending, Delivered, Change{DueAt: &due, WarnAt: &warn, Rule: "229-ФЗ ст. 70 ч. 5"})
		got := text(t, d, `SELECT coalesce(max(late_by), '') FROM overdue WHERE id = ? AND rule <> ''`, id)
		if got != c.want {
			t.Errorf("%s: late_by is %q, want %q", key, got, c.want)
		}
		d.advance(t, id, Delivered, Answered, Change{})
		if got := count(t, d, `SELECT count(*) FROM overdue WHERE id = ?`, id); got != 0 {
			t.Errorf("%s: answered and still overdue", key)
		}
	}
}

func TestViewKeysExpiring(t *testing.T) {
	d := newDesk(t)
	now := time.Now()
	d.do(t, func(tx *Tx) error {
		return tx.Keys([]Key{
			{What: "ssh key", Subject: "later", NotAfter: now.Add(10*24*time.Hour + time.Hour)},
			{What: "certificate", Subject: "today", NotAfter: now.Add(time.Hour)},
			{What: "certificate", Subject: "gone", NotAfter: now.Add(-time.Hour)},
		})
	})
	got := text(t, d, `SELECT group_concat(subject || ' ' || days_left, ', ') FROM keys_expiring`)
	if got != "gone -1, today 0, later 10" {
		t.Errorf("keys are: %s", got)
	}
}

func TestViewBankDaily(t *testing.T) {
	d := newDesk(t)
	d.do(t, func(tx *Tx) error { return tx.Banks([]BankRow{{BIC: bankA, Name: "Банк А"}}) })
	d.bring(t, "order", "k1", Confirmed)
	d.bring(t, "receipt", "r1", Delivered)
	d.bring(t, "order", "h1", Held)
	d.receive(t, bankA, "file")
	d.clock.add(24 * time.Hour)
	d.advance(t, d.bring(t, "order", "k2", Answered), Answered, Answered, Change{AnswerCode: "01"})
	bad := d.receive(t, bankA, "bad")
	if err := d.settle(t, bad, Settlement{Outcome: "quarantined"}); err != nil {
		t.Fatal(err)
	}
	show := `SELECT bank_name || ' ' || accepted || held || sealed || sending || delivered || confirmed || answered || ' ' ||
		received || quarantined || ' ' || first_event || ' ' || last_event || ' ' || open_now || ' ' || oldest_open FROM bank_daily WHERE day = ?`
	if got, want := text(t, d, show, "2026-11-22"),
		"Банк А 1111010 10 2026-11-22T09:00:00.000Z 2026-11-22T09:00:00.000Z 2 2026-11-22T09:00:00.000Z"; got != want {
		t.Errorf("first day is\n%s, want\n%s", got, want)
	}
	if got, want := text(t, d, show, "2026-11-23"),
		"Банк А 1011001 11 2026-11-23T09:00:00.000Z 2026-11-23T09:00:00.000Z 2 2026-11-22T09:00:00.000Z"; got != want {
		t.Errorf("second day is\n%s, want\n%s", got, want)
	}
}

// TestQueriesUseIndexes: what the daemon asks at every visit must not read the
// whole history.
func TestQueriesUseIndexes(t *testing.T) {
	d := newDesk(t)
	for name, query := range map[string]string{
		"Find":          `SELECT id FROM exchange WHERE state IN ('Accepted', 'Sealed') AND id > 0 AND bank = 'x' ORDER BY id LIMIT 10`,
		"FindStates":    `SELECT id FROM exchange WHERE state IN ('Accepted', 'Sealed') AND id > 0 ORDER BY id LIMIT 10`,
		"ByKey":         `SELECT id FROM exchange WHERE class = 'office' AND internal_key = 'x'`,
		"OpenDocuments": `SELECT count(*) FROM exchange WHERE open = 1 AND bank IN ('x', 'y')`,
		"OpenAll":       `SELECT count(*) FROM exchange WHERE open = 1`,
		"Overdue":       `SELECT id FROM exchange WHERE open = 1 AND warn_at IS NOT NULL AND warn_at <= 'x' AND due_at <= 'x'`,
		"ViewOverdue":   `SELECT * FROM overdue`,
		"ReceiptFor":    `SELECT id FROM exchange WHERE incoming = 5 AND incoming <> 0 AND class = 'receipt'`,
		"IncomingOpen": `SELECT id FROM arrival WHERE bank = 'x' AND outcome <> 'incomplete'
			AND (cleaned_at IS NULL OR outcome = '' OR (outcome = 'matched' AND handed_at IS NULL)) ORDER BY id`,
		"IncomingBy": `SELECT id FROM arrival WHERE bank = 'x' AND external_key = 'y' AND kind IN ('report', 'answer')
			AND outcome = 'matched' AND external_key <> ''`,
		"IncomingClaimed": `SELECT id FROM arrival WHERE bank = 'x' AND claimed = 'y' AND claimed <> ''`,
		"Known":           `SELECT id FROM arrival WHERE bank = 'x' AND sha256 = 'y' AND outcome <> 'incomplete'`,
		"Matched":         `SELECT count(*) FROM arrival WHERE exchange = 3 AND kind = 'answer' AND outcome = 'matched'`,
		"LastSlot":        `SELECT slot, at FROM slot WHERE bank = 'x' ORDER BY at DESC, slot DESC LIMIT 1`,
		"Events":          `SELECT seq FROM event WHERE exchange = 5 AND exchange <> 0 ORDER BY seq`,
		"Last":            `SELECT seq FROM stream WHERE bank = 'x' AND stream = 'documents'`,
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := d.DB().QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for rows.Next() {
				var id, parent, unused int
				var detail string
				if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
					t.Fatal(err)
				}
				if strings.HasPrefix(detail, "SCAN") && !strings.Contains(detail, "INDEX exchange_open") {
					t.Errorf("reads everything: %s", detail)
				}
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

package table

import (
	"bytes"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3" // a database to ask
	"github.com/parquet-go/parquet-go"
	"github.com/xuri/excelize/v2"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(t.TempDir(), "x.db"))
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// evil are texts that a spreadsheet would run.
var evil = []string{`=HYPERLINK("http://x")`, `+1+cmd|' /C calc'!A0`, `-2+3`, `@SUM(A1)`, "\t=1", "plain, \"quoted\"\nÖ Ж"}

func fill(t *testing.T) *sql.DB {
	t.Helper()
	db := open(t)
	_, err := db.ExecContext(t.Context(), `CREATE TABLE t (n INTEGER, r REAL, s TEXT, big INTEGER)`)
	must(t, err)
	for i, s := range evil {
		_, err := db.ExecContext(t.Context(), `INSERT INTO t VALUES (?, ?, ?, ?)`, i-1, float64(i)/2, s, int64(1)<<60+int64(i))
		must(t, err)
	}
	_, err = db.ExecContext(t.Context(), `INSERT INTO t VALUES (NULL, NULL, NULL, NULL)`)
	must(t, err)
	return db
}

func export(t *testing.T, db *sql.DB, query, format string) []byte {
	t.Helper()
	var out bytes.Buffer
	must(t, Export(t.Context(), db, query, format, &out))
	return out.Bytes()
}

func TestNoTextBecomesAFormula(t *testing.T) {
	db := fill(t)
	rows, err := csv.NewReader(bytes.NewReader(export(t, db, "t", "csv"))).ReadAll()
	must(t, err)
	for i, s := range evil[:5] {
		if got := rows[i+1]; got[2] != "'"+s || got[0] != fmt.Sprint(i-1) {
			t.Errorf("csv: %q", got)
		}
	}
	if rows[6][2] != evil[5] || rows[7][2] != "" {
		t.Errorf("csv: %q", rows[6:])
	}
	f, err := excelize.OpenReader(bytes.NewReader(export(t, db, "t", "xlsx")))
	must(t, err)
	for i, s := range evil {
		cell := fmt.Sprintf("C%d", i+2)
		got, err := f.GetCellValue("Sheet1", cell)
		must(t, err)
		formula, err := f.GetCellFormula("Sheet1", cell)
		must(t, err)
		kind, err := f.GetCellType("Sheet1", cell)
		must(t, err)
		if got != s || formula != "" || kind != excelize.CellTypeInlineString {
			t.Errorf("xlsx %s: %q, formula %q, type %v", cell, got, formula, kind)
		}
		if n, err := f.GetCellValue("Sheet1", fmt.Sprintf("D%d", i+2)); err != nil || n != fmt.Sprint(int64(1)<<60+int64(i)) {
			t.Errorf("xlsx: a large number is %s, %v", n, err)
		}
	}
}

func TestParquetKeepsTypesAndOrder(t *testing.T) {
	db := fill(t)
	data := export(t, db, "SELECT s, n, r, big, n AS s, NULL AS void, n || '' FROM t ORDER BY rowid;", "parquet")
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	must(t, err)
	var names []string
	for _, c := range f.Schema().Fields() {
		names = append(names, c.Name()+" "+c.Type().String())
	}
	if got := strings.Join(names, ", "); got != "s STRING, n INT(64,true), r DOUBLE, big INT(64,true), s:1 INT(64,true), void STRING, n_||_'' STRING" {
		t.Errorf("columns are %s", got)
	}
	r := parquet.NewReader(f)
	defer r.Close()
	rows := make([]parquet.Row, 10)
	n, err := r.ReadRows(rows)
	if n != 7 || err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("%d rows, %v", n, err)
	}
	for i, s := range evil {
		row := rows[i]
		if row[0].String() != s || row[1].Int64() != int64(i-1) || row[2].Double() != float64(i)/2 || row[3].Int64() != int64(1)<<60+int64(i) || !row[5].IsNull() {
			t.Errorf("row %d is %v", i, row)
		}
	}
	for _, v := range rows[6] {
		if !v.IsNull() {
			t.Errorf("NULL became %v", v)
		}
	}
}

// TestNothingIsCutOff: a text that no cell takes is an error.
func TestNothingIsCutOff(t *testing.T) {
	err := Export(t.Context(), open(t), "SELECT printf('%.*c', 32768, 'x') AS long", "xlsx", io.Discard)
	if err == nil || !strings.Contains(err.Error(), "column long") {
		t.Errorf("error is %v", err)
	}
	must(t, Export(t.Context(), open(t), "SELECT printf('%.*c', 32767, 'x') AS long", "xlsx", io.Discard))
}

// TestMemoryDoesNotGrow writes many rows in every format.
func TestMemoryDoesNotGrow(t *testing.T) {
	db := open(t)
	const query = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) SELECT i, printf('%064x', i * 7919) AS a, printf('%064x', i * 104729) AS b FROM n`
	for _, format := range strings.Split(Formats, ", ") {
		t.Run(format, func(t *testing.T) {
			var most uint64
			w := writer(func(int) {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			})
			must(t, Export(t.Context(), db, query, format, w))
			if most > 100<<20 {
				t.Errorf("%d MiB were held", most>>20)
			}
		})
	}
}

// writer looks now and then.
type writer func(int)

func (w writer) Write(p []byte) (int, error) {
	if len(p) > 4096 {
		w(len(p))
	}
	return len(p), nil
}

func TestFormatsThatAreNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := ExportFile(t.Context(), fill(t), "t", "pdf", path); err == nil || !strings.Contains(err.Error(), Formats) {
		t.Errorf("error is %v", err)
	}
	must(t, ExportFile(t.Context(), fill(t), "t", "json", path)) // nothing was left behind
	if err := ExportFile(t.Context(), fill(t), "t", "json", path); err == nil {
		t.Error("a file was written over")
	}
}

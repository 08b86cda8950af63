package table

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// groupRows bounds what is held in memory before it is written.
const groupRows = 20_000

// kind is what all values of a column are: SQLite looks at each, Parquet wants to know first.
type kind int64

const (
	empty kind = iota
	integer
	number
	text
)

func exportParquet(ctx context.Context, db *sql.DB, query string, w io.Writer) (err error) {
	names, kinds, err := columns(ctx, db, query)
	if err != nil {
		return err
	}
	out := parquet.NewWriter(w, schema(names, kinds), parquet.MaxRowsPerRowGroup(groupRows), parquet.Compression(&parquet.Snappy))
	row := make(parquet.Row, len(names))
	err = ask(ctx, db, query, func([]string) error { return nil }, func(values []any) error {
		for i, v := range values {
			p, ok := value(v, kinds[i])
			if !ok {
				return fmt.Errorf("column %s holds another kind of value since a moment ago, the journal goes on: export again", names[i])
			}
			row[i] = p.Level(0, present(v), i)
		}
		_, err := out.WriteRows([]parquet.Row{row})
		return err
	})
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	return nil
}

func present(v any) int {
	if v == nil {
		return 0
	}
	return 1
}

// value is one of a column; ok is false when the column cannot hold it.
func value(v any, k kind) (p parquet.Value, ok bool) {
	if v == nil {
		return parquet.NullValue(), true
	}
	whole, isInt := v.(int64)
	broken, isReal := v.(float64)
	switch {
	case k == text || k == empty:
		return parquet.ByteArrayValue([]byte(fmt.Sprint(v))), true
	case k == integer && isInt:
		return parquet.Int64Value(whole), true
	case k == number && isInt:
		return parquet.DoubleValue(float64(whole)), true
	default:
		return parquet.DoubleValue(broken), k == number && isReal
	}
}

// columns asks what every column holds, over all rows.
func columns(ctx context.Context, db *sql.DB, query string) (names []string, kinds []kind, err error) {
	err = ask(ctx, db, "SELECT * FROM ("+query+") LIMIT 0", func(head []string) error {
		names = unique(head)
		return nil
	}, func([]any) error { return nil })
	if err != nil {
		return nil, nil, err
	}
	var labels, looks []string
	for i := range names {
		c := "c" + strconv.Itoa(i)
		labels = append(labels, c)
		looks = append(looks, "coalesce(max(CASE typeof("+c+") WHEN 'null' THEN 0 WHEN 'integer' THEN 1 WHEN 'real' THEN 2 ELSE 3 END), 0)")
	}
	kinds = make([]kind, len(names))
	err = ask(ctx, db, "WITH \"all rows\"("+strings.Join(labels, ", ")+") AS ("+query+") SELECT "+strings.Join(looks, ", ")+` FROM "all rows"`,
		func([]string) error { return nil }, func(values []any) error {
			for i, v := range values {
				n, ok := v.(int64)
				if !ok {
					return fmt.Errorf("column %s: what it holds cannot be told", names[i])
				}
				kinds[i] = kind(n)
			}
			return nil
		})
	return names, kinds, err
}

// unique makes names of columns fit for a tag of a struct, each once.
func unique(head []string) []string {
	seen := make(map[string]bool)
	out := make([]string, len(head))
	for i, name := range head {
		name = strings.Map(func(r rune) rune {
			if strings.ContainsRune(",\"`\\ \t\r\n", r) {
				return '_'
			}
			return r
		}, name)
		if name == "" || name == "-" || seen[name] {
			name += "_" + strconv.Itoa(i+1)
		}
		seen[name] = true
		out[i] = name
	}
	return out
}

// schema keeps the columns in their order, which a group of the library does not.
func schema(names []string, kinds []kind) *parquet.Schema {
	types := map[kind]reflect.Type{integer: reflect.TypeFor[*int64](), number: reflect.TypeFor[*float64](), text: reflect.TypeFor[*string](), empty: reflect.TypeFor[*string]()}
	fields := make([]reflect.StructField, len(names))
	for i, name := range names {
		fields[i] = reflect.StructField{
			Name: "F" + strconv.Itoa(i), Type: types[kinds[i]], Tag: reflect.StructTag(`parquet:"` + name + `,optional"`),
		}
	}
	return parquet.NewSchema("journal", parquet.SchemaOf(reflect.New(reflect.StructOf(fields)).Interface()))
}

package journal

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
)

// applicationID is "BKC1" in the SQLite header, so that file(1) and Open can
// tell a journal from any other database.
const applicationID = 0x424B4331

//go:embed migrations/*.sql
var migrations embed.FS

// setting is one pragma that must hold on the writing connection.
type setting struct{ name, want string }

// settings are asserted after the connection is made, because the driver runs
// PRAGMA synchronous=NORMAL on its own unless told otherwise, and NORMAL loses
// acknowledged commits at a power cut.
func settings() []setting {
	return []setting{
		{"journal_mode", "wal"},
		{"synchronous", "2"},
		{"foreign_keys", "1"},
		{"recursive_triggers", "1"},
		{"locking_mode", "normal"},
		{"busy_timeout", "5000"},
		{"trusted_schema", "0"},
		{"cell_size_check", "1"},
		{"mmap_size", "0"},
		{"query_only", "0"},
		{"ignore_check_constraints", "0"},
		{"writable_schema", "0"},
		{"application_id", fmt.Sprint(applicationID)},
	}
}

func address(path, query string) string {
	return "file:" + (&url.URL{Path: filepath.Clean(path)}).EscapedPath() + "?" + query
}

func writeDSN(path string) string {
	return address(path, "mode=rw&_journal_mode=WAL&_synchronous=FULL&_txlock=immediate&_busy_timeout=5000"+
		"&_foreign_keys=1&_recursive_triggers=1&_locking_mode=NORMAL")
}

func readDSN(path string) string {
	return address(path, "mode=ro&_query_only=1&_busy_timeout=5000&_synchronous=FULL")
}

// harden sets what the DSN cannot.
func harden(c *conn) error {
	return c.script("PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0;")
}

func assertSettings(c *conn) error {
	for _, s := range settings() {
		row, err := c.one("PRAGMA " + s.name)
		if err != nil {
			return fmt.Errorf("read pragma %s: %w", s.name, err)
		}
		got := "off" // a pragma this build leaves out returns no row
		if row != nil {
			got = fmt.Sprint(row[0])
		}
		if s.name == "mmap_size" && row == nil {
			got = "0"
		}
		if got != s.want {
			return fmt.Errorf("pragma %s is %s, must be %s: refusing to write without it", s.name, got, s.want)
		}
	}
	return nil
}

// migrate brings the schema to the newest version of files, each step in a
// transaction of its own, and returns the versions before and after. A newer
// journal than the program knows is refused: an older program would write
// rows that the newer one cannot explain.
func migrate(c *conn, files fs.FS) (from, to int64, err error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return 0, 0, fmt.Errorf("list migrations: %w", err)
	}
	from, err = c.number("PRAGMA user_version")
	if err != nil {
		return 0, 0, fmt.Errorf("read user_version: %w", err)
	}
	to = int64(len(names))
	if from > to {
		return from, to, fmt.Errorf("journal has schema version %d, this program knows %d: "+
			"run the newer program, or restore the journal of this version", from, to)
	}
	for v := from; v < to; v++ {
		text, err := fs.ReadFile(files, names[v])
		if err != nil {
			return from, to, fmt.Errorf("read migration: %w", err)
		}
		// A crash inside leaves the version before: the step runs again.
		step := fmt.Sprintf("BEGIN IMMEDIATE;\n%s\nPRAGMA user_version=%d;\nCOMMIT;", text, v+1)
		if err := c.script(step); err != nil {
			return from, to, fmt.Errorf("run migration %s: %w", names[v], err)
		}
	}
	return from, to, nil
}

// schemaDigest is the SHA-256 of every table, index, trigger and view.
func schemaDigest(c *conn) (string, error) {
	h := sha256.New()
	err := c.each(`SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema
		WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name`, func(f fields) error {
		fmt.Fprintf(h, "%q %q %q %q\n", f.str(0), f.str(1), f.str(2), f.str(3))
		return nil
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

// knownDigest is the schema digest that the embedded migrations make.
func knownDigest() (string, error) {
	c, err := dial("file::memory:")
	if err != nil {
		return "", err
	}
	defer c.close()
	if _, _, err := migrate(c, migrations); err != nil {
		return "", err
	}
	return schemaDigest(c)
}

func checkSchema(c *conn) error {
	want, err := knownDigest()
	if err != nil {
		return fmt.Errorf("make the known schema: %w", err)
	}
	got, err := schemaDigest(c)
	if err != nil {
		return fmt.Errorf("read schema: %w", err)
	}
	if got != want {
		names, err := schemaChanges(c)
		if err != nil {
			return err
		}
		return fmt.Errorf("schema differs from version of this program (%s): "+
			"somebody changed the journal's tables, triggers or views", names)
	}
	return nil
}

// schemaChanges names what was added, dropped or altered.
func schemaChanges(c *conn) (string, error) {
	const list = `SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY 1`
	read := func(c *conn) (map[string]string, []string, error) {
		texts, names := map[string]string{}, []string(nil)
		err := c.each(list, func(f fields) error {
			texts[f.str(0)] = f.str(1)
			names = append(names, f.str(0))
			return nil
		})
		return texts, names, err
	}
	fresh, err := dial("file::memory:")
	if err != nil {
		return "", err
	}
	defer fresh.close()
	if _, _, err := migrate(fresh, migrations); err != nil {
		return "", err
	}
	want, wantNames, err := read(fresh)
	if err != nil {
		return "", err
	}
	got, gotNames, err := read(c)
	if err != nil {
		return "", err
	}
	var out []string
	for _, n := range wantNames {
		if text, ok := got[n]; !ok {
			out = append(out, "missing "+n)
		} else if text != want[n] {
			out = append(out, "altered "+n)
		}
	}
	for _, n := range gotNames {
		if _, ok := want[n]; !ok {
			out = append(out, "extra "+n)
		}
	}
	return strings.Join(out, ", "), nil
}

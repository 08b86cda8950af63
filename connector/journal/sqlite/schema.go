package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Migrate brings the schema to the newest version of the numbered *.sql files,
// each step in a transaction of its own, and returns the versions before and
// after. A newer file than the program knows is refused: an older program
// would write rows that the newer one cannot explain.
func Migrate(c *Conn, files fs.FS) (from, to int64, err error) {
	names, err := fs.Glob(files, "*/*.sql")
	if err != nil {
		return 0, 0, fmt.Errorf("list migrations: %w", err)
	}
	from, err = c.Number("PRAGMA user_version")
	if err != nil {
		return 0, 0, fmt.Errorf("read user_version: %w", err)
	}
	to = int64(len(names))
	if from > to {
		return from, to, newer(from, to)
	}
	return from, to, climb(c, files, from, names)
}

func newer(is, known int64) error {
	return fmt.Errorf("schema has version %d, this program knows %d: run the newer program, or restore the journal of this version", is, known)
}

// climb runs the migrations after version from.
func climb(c *Conn, files fs.FS, from int64, names []string) error {
	to := int64(len(names))
	for v := from; v < to; v++ {
		text, err := fs.ReadFile(files, names[v])
		if err != nil {
			return fmt.Errorf("read migration: %w", err)
		}
		// A crash inside leaves the version before: the step runs again.
		step := fmt.Sprintf("BEGIN IMMEDIATE;\n%s\nPRAGMA user_version=%d;\nCOMMIT;", text, v+1)
		if err := c.Script(step); err != nil {
			return fmt.Errorf("run migration %s: %w", names[v], err)
		}
	}
	return nil
}

// Differences names every table, index, trigger and view that is missing,
// altered or extra beside the schema that is known of the file's own version;
// none means that nobody touched it.
func Differences(c *Conn, known func(version int64) (map[string]string, error)) (out []string, err error) {
	version, err := c.Number("PRAGMA user_version")
	if err != nil {
		return nil, err
	}
	want, err := known(version)
	if err != nil {
		return nil, fmt.Errorf("make the known schema: %w", err)
	}
	got, err := schema(c)
	if err != nil {
		return nil, err
	}
	for name, text := range want {
		if is, ok := got[name]; !ok {
			out = append(out, "missing "+name)
		} else if is != text {
			out = append(out, "altered "+name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			out = append(out, "extra "+name)
		}
	}
	slices.Sort(out)
	return out, nil
}

// Made is the schema that a script makes in an empty database.
func Made(script string) (made map[string]string, err error) {
	fresh, err := dial("file::memory:")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, fresh.Close()) }()
	if err := fresh.Script(script); err != nil {
		return nil, err
	}
	return schema(fresh)
}

// Known is the schema that migrations up to a version make.
func Known(files fs.FS, version int64) (made map[string]string, err error) {
	names, err := fs.Glob(files, "*/*.sql")
	if err != nil {
		return nil, err
	}
	if version < 1 || version > int64(len(names)) {
		return nil, newer(version, int64(len(names)))
	}
	fresh, err := dial("file::memory:")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, fresh.Close()) }()
	if err := climb(fresh, files, 0, names[:version]); err != nil {
		return nil, err
	}
	return schema(fresh)
}

// schema reads the text of everything, by type and name. Statistics that
// ANALYZE leaves change no meaning.
func schema(c *Conn) (map[string]string, error) {
	texts := map[string]string{}
	err := c.Each(`SELECT type || ' ' || name, tbl_name || ' ' || coalesce(sql, '') FROM sqlite_schema
		WHERE name NOT LIKE 'sqlite_stat%'`, func(f Fields) error {
		texts[f.Str(0)] = f.Str(1)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	return texts, nil
}

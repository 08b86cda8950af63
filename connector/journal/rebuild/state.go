package rebuild

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/volume"
)

// stateID is "BKS1" in the header of a file of state, so that nobody takes it for a journal:
// it has all tables of one, and no event.
const stateID = 0x424B5331

// State writes what the tables were after the last of some archives, oldest first, which are
// to be removed: without their events nobody could prove the tables any more. It goes on from
// the state that the archives before them left, if there are any. It returns what the events
// book.retired say; the last one names the file. An archive or a state that is not the one that the journal names is an error.
//
// A crash leaves a file that no event names; the next call makes it anew.
func State(ctx context.Context, dir string, earlier *volume.Volume, list []volume.Volume) (out []record.Archived, err error) {
	for _, v := range list {
		out = append(out, v.Archived)
	}
	a := &out[len(out)-1]
	a.State = strings.Replace(a.File, "journal-", "state-", 1)
	path := filepath.Join(dir, a.State)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err := sqlite.Prepare(path); err != nil {
		return nil, err
	}
	if err := state(ctx, sqlite.NewName(path), dir, earlier, list); err != nil {
		return nil, err
	}
	if err := sqlite.Settle(sqlite.NewName(path), 0o440); err != nil {
		return nil, err
	}
	if a.StateSHA256, a.StateSize, err = volume.Digest(ctx, sqlite.NewName(path)); err != nil {
		return nil, err
	}
	return out, sqlite.Publish(path)
}

func state(ctx context.Context, path, dir string, earlier *volume.Volume, list []volume.Volume) (err error) {
	c, err := sqlite.Scratch(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.Script(fmt.Sprintf("PRAGMA application_id=%d; PRAGMA foreign_keys=OFF", stateID)); err != nil {
		return err
	}
	if _, _, err := sqlite.Migrate(c, record.Migrations()); err != nil {
		return err
	}
	if err := c.Script("BEGIN"); err != nil {
		return err
	}
	if earlier != nil {
		if err := load(ctx, "", dir, *earlier, func(string) []*sqlite.Conn { return []*sqlite.Conn{c} }); err != nil {
			return err
		}
	}
	var page record.Page
	for _, v := range list {
		if err := same256(ctx, filepath.Join(dir, v.File), v.SHA256); err != nil {
			return err
		}
		n := 0
		replay := func(f sqlite.Fields) error {
			e, err := record.Read(f)
			if err == nil {
				err = page.Replay(c, &e)
			}
			if n++; err == nil && n%(batchSize*tallyEach) == 0 {
				err = errors.Join(page.Tally(c), ctx.Err())
			}
			return err
		}
		err := each(filepath.Join(dir, v.File), replay)
		if err = errors.Join(err, page.Tally(c)); err != nil {
			return fmt.Errorf("replay %s: %w", v.File, err)
		}
	}
	return c.Script("COMMIT")
}

// each gives every event of an archive.
func each(path string, fn func(sqlite.Fields) error) (err error) {
	c, err := sqlite.Read(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return c.Each(`SELECT `+record.Columns+` FROM event ORDER BY seq`, fn)
}

func same256(ctx context.Context, path, want string) error {
	digest, _, err := volume.Digest(ctx, path)
	if err == nil && digest != want {
		err = fmt.Errorf("%s is not the file that the journal names: its SHA-256 is %s, not %s", filepath.Base(path), digest, want)
	}
	return err
}

// Load begins with what the tables were after the last event of an archive that was removed.
func (r *Rebuilding) Load(ctx context.Context, temp, dir string, v volume.Volume) error {
	return load(ctx, temp, dir, v, r.of)
}

// load puts the rows of a file of state into databases that have the schema of this program;
// into says which take the rows of a bank, "" for those that belong to none.
func load(ctx context.Context, temp, dir string, v volume.Volume, into func(bank string) []*sqlite.Conn) (err error) {
	if err := same256(ctx, filepath.Join(dir, v.State), v.StateSHA256); err != nil {
		return err
	}
	// A copy is brought to the schema of this program: the file may be of years ago.
	temp, err = os.MkdirTemp(temp, "journal-state-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	path := filepath.Join(temp, "state.db")
	if err := sqlite.Backup(ctx, filepath.Join(dir, v.State), path); err != nil {
		return err
	}
	c, err := sqlite.Scratch(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if id, err := c.Number("PRAGMA application_id"); err != nil || id != stateID {
		return errors.Join(err, fmt.Errorf("%s is no file of state", v.State))
	}
	if _, _, err := sqlite.Migrate(c, record.Migrations()); err != nil {
		return err
	}
	list, err := tables(c)
	for _, t := range list {
		if err == nil {
			err = pour(ctx, c, t[0], into)
		}
	}
	return err
}

// pour copies the rows of one table.
func pour(ctx context.Context, c *sqlite.Conn, table string, into func(bank string) []*sqlite.Conn) (err error) {
	bank := `''`
	switch table {
	case "source":
		bank = `(SELECT bank FROM exchange WHERE id = source.exchange)`
	default:
		n, err := c.Number(`SELECT count(*) FROM pragma_table_info(?) WHERE name = 'bank'`, table)
		if err != nil {
			return err
		}
		if n > 0 {
			bank = `bank`
		}
	}
	rows, err := c.Query(`SELECT *, ` + bank + ` FROM ` + table)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	width := len(rows.Names()) - 1
	insert := `INSERT INTO ` + table + ` VALUES (?` + strings.Repeat(", ?", width-1) + `)`
	for n := 1; ; n++ {
		row, err := rows.Next()
		if err != nil || row == nil {
			return err
		}
		values := make([]driver.Value, width)
		for i := range values {
			values[i] = row[i]
		}
		for _, to := range into(row.Str(width)) {
			if err := to.Put(insert, values...); err != nil {
				return fmt.Errorf("table %s: %w", table, err)
			}
		}
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

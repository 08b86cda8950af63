package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"bankconnector/connector/journal/sqlite"
)

// Retirable finds the archives of months before one that nobody needs any more, the oldest of
// all in a row, and the newest of those that were removed before, if there is one. Spared are,
// with all that follow: what a document that somebody waits for rests on, an adoption, which
// excuses checkpoints for ever, what was said of the liftings of an arrest, against which the
// next one is held, and the newest archive that says what signatures were held against, for
// events after it may rest on that.
func (s *Shelf) Retirable(c *sqlite.Conn, before time.Time) (earlier *Volume, list []Volume, err error) {
	all, err := List(c)
	if err != nil {
		return nil, nil, err
	}
	row, err := c.One(`SELECT coalesce((SELECT min(seq) FROM act WHERE act = 'adopt'), 0),
		(SELECT min(b.accepted_at) FROM exchange x JOIN exchange b ON b.class = 'office' AND b.internal_key = x.base_key
			WHERE x.open = 1 AND x.base_key <> '')`)
	if err != nil {
		return nil, nil, err
	}
	for i := range all {
		v := all[i]
		end, err := End(v.Month)
		if err != nil {
			return nil, nil, err
		}
		switch {
		case v.Retired != 0:
			earlier = &all[i]
			continue
		case end > sqlite.Stamp(monthOf(before)), row.Num(0) != 0 && row.Num(0) <= v.Last, row[1] != nil && row.Str(1) <= v.ToAt:
			list, err = s.relied(list)
			return earlier, list, err
		}
		list = append(list, v)
	}
	list, err = s.relied(list)
	return earlier, list, err
}

// lifted leaves off the first archive that tells of liftings, and what follows it: no table
// keeps what they were of.
func (s *Shelf) lifted(list []Volume) ([]Volume, error) {
	for i := range list {
		tells := false
		err := s.in(list[i], func(c *sqlite.Conn) error {
			n, err := c.Number(`SELECT EXISTS (SELECT 1 FROM event WHERE kind = 'note.lifting')`)
			tells = n != 0
			return err
		})
		if err != nil {
			return nil, err
		}
		if tells {
			return list[:i], nil
		}
	}
	return list, nil
}

// relied leaves off what tells of liftings, the newest archive that names all that signatures
// are held against, and what follows each.
func (s *Shelf) relied(list []Volume) ([]Volume, error) {
	list, err := s.lifted(list)
	if err != nil {
		return nil, err
	}
	for i := len(list) - 1; i >= 0; i-- {
		named := false
		err := s.in(list[i], func(c *sqlite.Conn) error {
			n, err := c.Number(`SELECT EXISTS (SELECT 1 FROM event WHERE kind = 'config.trust' AND json_extract(body, '$.all'))`)
			named = n != 0
			return err
		})
		if err != nil {
			return nil, err
		}
		if named {
			return list[:i], nil
		}
	}
	return list, nil
}

// Remove removes the files that the journal says are removed, and files of state that a newer
// one replaces. A file that is not the one that the journal names is left, and is the error.
func (s *Shelf) Remove(ctx context.Context) error {
	var list []Volume
	err := s.Live.Do(ctx, func(c *sqlite.Conn) (err error) {
		list, err = List(c)
		return err
	})
	if err != nil {
		return err
	}
	state := "" // the newest one, which stays
	for _, v := range list {
		if v.State != "" {
			state = v.State
		}
	}
	for _, v := range list {
		if v.Retired == 0 {
			continue
		}
		// A crash between any two leaves files that the next call removes.
		err := remove(ctx, filepath.Join(s.Dir, v.File), v.SHA256)
		if err == nil && v.State != "" && v.State != state {
			err = remove(ctx, filepath.Join(s.Dir, v.State), v.StateSHA256)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func remove(ctx context.Context, path, want string) error {
	digest, _, err := Digest(ctx, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case digest != want:
		return fmt.Errorf("%w: %s has the SHA-256 %s, not %s: it is left where it is", ErrOther, path, digest, want)
	}
	return os.Remove(path)
}

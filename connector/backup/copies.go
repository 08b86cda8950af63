package backup

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"bankconnector/banks"
	"bankconnector/banks/mailbox/vault"
	"bankconnector/connector/evidence"
)

// Copies is where copies of the journal go: to a Dir of this machine, else to the server that URL names
// (sftp://USER@HOST:PORT/FOLDER) with a key file and pinned host keys, else to the one of the configuration.
type Copies struct {
	Dir      string
	URL, Key string
	HostKeys []string
	Known    *vault.Config // of the configuration, may be nil
	Into     string        // folder that a copy is fetched to and stays in; "" = a temporary one
	Drill    bool          // copy nothing, prove the newest copy
}

// ErrNoPlace reports that nothing says where copies go.
var ErrNoPlace = errors.New("no place for copies: name a FOLDER, give --sftp, or fill backup in config.yaml")

// Run copies the journal, the checkpoints and the stored documents, beside the daemon, and proves the copy by q, the
// installation's own inquiry; a drill only proves the newest one that is there. Of a copy on a server the drill fetches
// every octet; what was just put there was read back already, so its journal is proven with the documents of this machine.
func (c Copies) Run(ctx context.Context, s Source, q evidence.Inquiry, at time.Time) (r Result, err error) {
	kept := q.Store
	q.Store = nil // that of the copy counts
	if c.Dir != "" {
		if !c.Drill {
			_, err = Make(ctx, s, Folder(c.Dir), c.Dir, at)
		}
		if err != nil {
			return r, err
		}
		return Drill(ctx, q, c.Dir, s.Checkpoints)
	}
	where, err := c.place()
	if err != nil {
		return r, err
	}
	scratch := c.Into
	if scratch == "" || !c.Drill {
		if scratch, err = os.MkdirTemp("", "bankconnector-copy-"); err != nil {
			return r, fmt.Errorf("back up: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	}
	err = away(ctx, where, at, func(v *vault.Vault) error {
		if c.Drill {
			return Fetch(ctx, v, Folder(scratch))
		}
		q.Store = kept
		if err := v.Sweep(ctx, "", stamps, store); err != nil {
			return err
		}
		_, err := Make(ctx, s, v, scratch, at)
		return err
	})
	if err != nil {
		return r, err
	}
	r, err = Drill(ctx, q, scratch, s.Checkpoints)
	if c.Into == "" {
		r.Path = where.String() + "/" + filepath.Base(r.Path) // what lay here is gone by then
	}
	return r, err
}

// away opens the server for copies, and closes it again.
func away(ctx context.Context, where *vault.Config, at time.Time, work func(*vault.Vault) error) error {
	v, err := vault.Open(ctx, where, at)
	if err != nil {
		return err
	}
	return errors.Join(work(v), v.Close())
}

// place is the server of the configuration, with what was given by hand instead.
func (c Copies) place() (*vault.Config, error) {
	var where vault.Config
	if c.Known != nil {
		where = *c.Known
	}
	if c.URL == "" && c.Known == nil {
		return nil, ErrNoPlace
	}
	if c.URL != "" {
		u, err := url.Parse(c.URL)
		if err != nil || u.Scheme != "sftp" || u.User.Username() == "" || u.RawQuery != "" {
			return nil, fmt.Errorf("%q: write sftp://USER@HOST:PORT/FOLDER: %w", c.URL, ErrNoPlace)
		}
		where.Host, where.User, where.Folder, where.Port = u.Hostname(), u.User.Username(), u.Path, 22
		if port := u.Port(); port != "" {
			where.Port, _ = strconv.Atoi(port) // digits, as url holds them; what is no port cannot be reached
		}
	}
	if c.Key != "" {
		path, err := filepath.Abs(c.Key)
		if err != nil {
			return nil, err
		}
		where.KeyFile, where.PasswordFile = path, ""
	}
	if len(c.HostKeys) > 0 {
		where.HostKeys = nil
		for _, text := range c.HostKeys {
			where.HostKeys = append(where.HostKeys, banks.HostKey{Key: text})
		}
	}
	var problems banks.Problems
	for i := range where.HostKeys {
		problems = append(problems, where.HostKeys[i].Check()...)
	}
	if problems = append(problems, where.Check()...); len(problems) > 0 {
		return nil, fmt.Errorf("%w: %w", ErrNoPlace, problems)
	}
	return &where, nil
}

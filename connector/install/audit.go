package install

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"bankconnector/connector/evidence"
	"bankconnector/connector/evidence/note"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
)

// Inquiry is what the journal of this installation is held against: its own store,
// checkpoints and certificates. A journal of before there were checkpoints has none.
func (p *Plan) Inquiry() (q evidence.Inquiry, err error) {
	q.Path = p.JournalPath()
	if q.Certificates, err = p.Certificates(); err != nil {
		return q, err
	}
	if q.Store, err = spool.OpenStore(p.StorePath()); err != nil {
		return q, err
	}
	key, err := p.checkpointPublic()
	if errors.Is(err, fs.ErrNotExist) {
		return q, nil
	}
	q.Keys, q.Checkpoints = []ed25519.PublicKey{key}, p.CheckpointPaths()
	return q, err
}

// Case opens what evidence is taken from, beside the daemon that writes it. Close its
// Book.
func (p *Plan) Case(ctx context.Context) (c evidence.Case, err error) {
	q, err := p.Inquiry()
	if err != nil {
		return c, err
	}
	c.Store, c.Checkpoints, c.Certificates = q.Store, q.Checkpoints, q.Certificates
	if len(q.Keys) > 0 {
		c.Key = q.Keys[0]
	}
	c.Book, err = journal.View(ctx, q.Path)
	return c, err
}

func (p *Plan) checkpointPublic() (ed25519.PublicKey, error) {
	path := p.CheckpointPublicPath()
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read key of checkpoints: %w", err)
	}
	key, err := note.ReadPublic(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

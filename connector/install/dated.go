package install

import (
	"context"
	"fmt"
	"path/filepath"

	"bankconnector/connector/evidence"
	"bankconnector/connector/evidence/dated"
	"bankconnector/connector/install/trust"
	"bankconnector/crypto/stamp"
)

// stampsPath is where checkpoints lie with their time stamps.
func (p *Plan) stampsPath() string { return filepath.Join(p.Config.StateDir, "timestamps") }

// stamps says whose time stamps count; nobody's when none are asked for.
func (p *Plan) stamps() (s evidence.Stamps, err error) {
	c := p.Config.Checkpoint.Timestamp
	if c == nil {
		return s, nil
	}
	a := &stamp.Authority{Policy: c.Policy}
	for _, path := range c.Certificates {
		cert, err := trust.ReadCertificate(path)
		if err != nil {
			return s, fmt.Errorf("checkpoint.timestamp: %w", err)
		}
		a.Certificates = append(a.Certificates, cert)
	}
	if err := a.Check(); err != nil {
		return s, fmt.Errorf("checkpoint.timestamp: %w", err)
	}
	return evidence.Stamps{Folder: p.stampsPath(), Authority: a}, nil
}

// date begins to have checkpoints stamped, where that is asked for and the journal is ours.
func (in *Installation) date(ctx context.Context) error {
	s, err := in.Plan.stamps()
	if err != nil || s.Authority == nil || in.keeper == nil {
		return err
	}
	c := in.Config.Checkpoint.Timestamp
	in.stamps, err = dated.Start(ctx, dated.Asking{
		URL: c.URL, Every: c.Every, Authority: s.Authority, Folder: s.Folder,
		File: in.CheckpointPaths()[0], Book: in.Book, Now: in.opts.Now, Log: in.opts.Log,
	})
	return err
}

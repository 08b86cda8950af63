package install

import (
	"context"
	"path/filepath"

	"bankconnector/connector/evidence"
	"bankconnector/connector/evidence/dated"
)

// stampsPath is where checkpoints lie with their time stamps.
func (p *Plan) stampsPath() string { return filepath.Join(p.Config.StateDir, "timestamps") }

// stamps says whose time stamps count; nobody's when none are asked for.
func (p *Plan) stamps() (s evidence.Stamps, err error) {
	s.Folder = p.stampsPath()
	s.Authority, err = p.Config.Checkpoint.Timestamp.Authority()
	return s, err
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

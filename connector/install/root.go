package install

import (
	"os"

	"bankconnector/connector/entry"
)

// MayWrite is asked by everything that writes into the state folder or the office's: root may not.
func (p *Plan) MayWrite() error {
	return entry.Rootless(os.Geteuid(), p.Config.AllowRoot, p.Config.StateDir)
}

package entry

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrRoot reports that root would write where the service must write. What root leaves there the service cannot open,
// and a fault in what reads the banks' files would have the whole machine.
var ErrRoot = errors.New("this must not run as root")

// Rootless refuses to write as root, unless the configuration allows it and nobody else has worked in the state folder.
func Rootless(user int, allowed bool, state string) error {
	if user != 0 {
		return nil
	}
	if !allowed {
		return fmt.Errorf("%w: run it as the service's user (runuser -u bankconnector -- bankconnector …), or write allow_root: true into config.yaml of a container or a rehearsal", ErrRoot)
	}
	info, err := os.Stat(state)
	if err != nil {
		return nil // it is made, and is root's then; any other fault is told where the folder is opened
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Uid != 0 {
		return fmt.Errorf("%w, also with allow_root: %s belongs to user %d, who could not work there any more", ErrRoot, state, s.Uid)
	}
	return nil
}

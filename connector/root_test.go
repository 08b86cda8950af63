package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// asRoot makes a process root: as it is, or of a user namespace of its own, where files look as if they were root's.
func asRoot(c *exec.Cmd) *exec.Cmd {
	if os.Geteuid() != 0 {
		c.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
		}
	}
	return c
}

// TestRootIsRefused: whatever writes the state folder is not done by root, unless the configuration allows it.
func TestRootIsRefused(t *testing.T) {
	dir, config := stage(t, 1)
	done(t, "exchange", "-c", config)
	allowed, err := os.ReadFile(config)
	must(t, err)
	commands := map[string][]string{
		"Run":        {"run"},
		"Exchange":   {"exchange"},
		"Act":        {"documents", "cancel", "1", "--reason", "test"},
		"Submit":     {"submit", config},
		"Checkpoint": {"journal", "checkpoint"},
		"Adopt":      {"journal", "adopt", "--reason", "test", "--anyway"},
	}
	done(t, "sample", "-c", config, "--documents", "1")
	done(t, "exchange", "-c", config)
	before := head(t, dir)
	must(t, os.WriteFile(config, bytes.Replace(allowed, []byte("allow_root: true\n"), nil, 1), 0o640))
	for name, args := range commands {
		t.Run(name, func(t *testing.T) {
			c := asRoot(program(t, append(args, "-c", config)...))
			var errs strings.Builder
			c.Stderr = &errs
			if code := exitOf(t, c.Run()); code != exitPermission || !strings.Contains(errs.String(), "allow_root") {
				t.Errorf("exit %d, want %d: %s", code, exitPermission, errs.String())
			}
			if after := head(t, dir); after != before {
				t.Errorf("root wrote %d events", after-before)
			}
		})
	}
	t.Run("Reads", func(t *testing.T) {
		if code := exitOf(t, asRoot(program(t, "documents", "list", "-c", config)).Run()); code != exitDone {
			t.Errorf("exit %d: root may read", code)
		}
	})
	t.Run("Allowed", func(t *testing.T) {
		must(t, os.WriteFile(config, allowed, 0o640))
		if code := exitOf(t, asRoot(program(t, "exchange", "-c", config)).Run()); code != exitDone {
			t.Errorf("exit %d with allow_root", code)
		}
	})
	t.Run("FolderOfAnother", func(t *testing.T) {
		there := strings.Replace(string(allowed), "state_dir: state", "state_dir: "+theirs(t), 1)
		must(t, os.WriteFile(config, []byte(there), 0o640))
		if code := exitOf(t, asRoot(program(t, "exchange", "-c", config)).Run()); code != exitPermission {
			t.Errorf("exit %d in a state folder of somebody else, want %d", code, exitPermission)
		}
	})
}

// theirs is a folder that does not belong to the root of asRoot.
func theirs(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		return "/usr" // of the machine's root, who is nobody there
	}
	dir := t.TempDir()
	must(t, os.Chown(dir, 1000, 1000))
	return dir
}

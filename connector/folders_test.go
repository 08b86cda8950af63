package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"bankconnector/internal/testkit"
)

// TestFolderReplacedByALink has the folders served by the real OpenSSH, and one of them replaced by a link to another:
// that bank stops, with the command that lets it go on, and goes on by it.
func TestFolderReplacedByALink(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	must(t, serve(t, dir, 1).Close())
	bic := onlyBank(t, dir)
	root := filepath.Join(dir, "banks", bic, "root")
	toBank := filepath.Join(root, "to-bank")
	sshd := testkit.StartSSHD(t, testkit.SSHDOptions{
		External: true, Root: &testkit.Root{Dir: root, ToBank: toBank, FromBank: filepath.Join(root, "from-bank")},
	})
	pointAt(t, filepath.Join(dir, "banks.d", bic+".yaml"), sshd)
	done(t, "exchange", "-c", config)

	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	must(t, os.Mkdir(elsewhere, 0o750))
	must(t, os.Rename(toBank, toBank+".old"))
	must(t, os.Symlink(elsewhere, toBank))
	done(t, "sample", "-c", config, "--documents", "2")
	code, _, errs := run(t, "exchange", "-c", config)
	if code != exitUnreachable || !strings.Contains(errs, "are not where they were") {
		t.Fatalf("exit %d, want %d: %s", code, exitUnreachable, errs)
	}
	if left, err := os.ReadDir(elsewhere); err != nil || len(left) > 0 {
		t.Errorf("%d files were left in the other folder (%v)", len(left), err)
	}
	said := regexp.MustCompile(`bank accept (\d+) --to-bank "([^"]+)" --from-bank "([^"]+)"`).FindStringSubmatch(strings.ReplaceAll(errs, `\"`, `"`))
	if len(said) != 4 || said[2] != elsewhere {
		t.Fatalf("the command that goes on is not told: %s", errs)
	}
	accept := []string{"bank", "accept", said[1], "--to-bank", said[2], "--from-bank", said[3], "-c", config}
	if code, _, _ := run(t, accept...); code != exitData {
		t.Errorf("without a reason: exit %d, want %d", code, exitData)
	}
	done(t, append(accept, "--reason", "the bank has a new disk")...)
	done(t, "exchange", "-c", config)
	if left, err := os.ReadDir(elsewhere); err != nil || len(left) != 2 {
		t.Errorf("%d documents were left in the accepted folder, want 2 (%v)", len(left), err)
	}
	acts := query(t, book(t, dir), `SELECT reason FROM operator_acts WHERE act = 'folders' ORDER BY seq`)
	if len(acts) != 2 || acts[1] != "the bank has a new disk" {
		t.Errorf("the acts are %v", acts)
	}
	done(t, "journal", "verify", "-c", config)
}

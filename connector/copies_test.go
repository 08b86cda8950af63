package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bankconnector/internal/testkit"
)

// TestBackupToAServer copies a journal to the real OpenSSH server, proves the copy by fetching it, and goes on after
// transfers that were cut.
func TestBackupToAServer(t *testing.T) {
	dir := t.TempDir()
	done(t, "demo", "--dir", dir, "--banks", "2", "--documents", "3", "--json")
	config := filepath.Join(dir, "config.yaml")
	s := testkit.StartSSHD(t, testkit.SSHDOptions{})
	there := s.Root.ToBank
	flags := func(host string, port int) []string {
		return []string{"-c", config, "--sftp", fmt.Sprintf("sftp://%s@%s:%d%s", s.User, host, port, there), "--key", s.Key.File, "--host-key", s.HostKeys[0].Line}
	}
	relay := testkit.StartRelay(t, s.Addr(), 0)
	t.Run("CutOffLeavesNoCopy", func(t *testing.T) {
		for _, octets := range []int64{20_000, 60_000, 120_000} {
			relay.CutAfter(-1)
			relay.CutAfter(octets)
			if code, _, errs := run(t, append([]string{"journal", "backup"}, flags(relay.Host, relay.Port)...)...); code != exitUnreachable {
				t.Errorf("cut after %d octets: exit %d, %s", octets, code, errs)
			}
			if copies, _ := filepath.Glob(filepath.Join(there, "journal-*.db")); len(copies) > 0 {
				t.Errorf("cut after %d octets, and there is %v", octets, copies)
			}
		}
		if code, _, errs := run(t, append([]string{"journal", "backup", "--drill"}, flags(s.Host, s.Port)...)...); code == exitDone || !strings.Contains(errs, "no copy") {
			t.Errorf("a drill of nothing: exit %d, %s", code, errs)
		}
	})
	t.Run("ByFlag", func(t *testing.T) {
		drilled(t, 0, flags(s.Host, s.Port)...)
		drilled(t, 0, append([]string{"--drill"}, flags(s.Host, s.Port)...)...)
		if out := done(t, append([]string{"journal", "backup", "--drill", "--lang", "en"}, flags(s.Host, s.Port)...)...); !strings.HasPrefix(out, "sftp://"+s.User+"@") || !strings.Contains(out, there+"/journal-") {
			t.Errorf("it names another place:\n%s", out)
		}
		if left, _ := filepath.Glob(filepath.Join(there, ".*")); len(left) > 0 {
			t.Errorf("left from the transfers that were cut: %v", left)
		}
	})
	t.Run("ByConfiguration", func(t *testing.T) {
		text, err := os.ReadFile(config)
		must(t, err)
		text = fmt.Appendf(text, "\nbackup: {host: %s, port: %d, user: %s, key_file: %s, folder: %s, host_keys: [%q]}\n", s.Host, s.Port, s.User, s.Key.File, there, s.HostKeys[0].Line)
		must(t, os.WriteFile(config, text, 0o600))
		done(t, "sample", "-c", config, "--documents", "2")
		_, _, _ = run(t, "exchange", "-c", config, "--json") // no bank serves any more; the journal has grown
		drilled(t, 1, "-c", config, "--drill")
		drilled(t, 0, "-c", config)
		drilled(t, 0, "-c", config, "--drill")
	})
	t.Run("FetchedCopyIsVerifiedAway", func(t *testing.T) {
		into := filepath.Join(t.TempDir(), "restore")
		drilled(t, 0, "-c", config, "--drill", "--into", into)
		copies, err := filepath.Glob(filepath.Join(into, "journal-*.db"))
		must(t, err)
		f, code := verdict(t, "--file", copies[0], "--store", filepath.Join(into, "store"),
			"--checkpoints", strings.Replace(strings.TrimSuffix(copies[0], ".db"), "journal-", "checkpoints-", 1), "--checkpoint-key", filepath.Join(into, "checkpoint.pub"))
		if code != exitDone || !f.OK || f.Digests == 0 || f.Witnessed != f.Events || len(copies) != 1 {
			t.Errorf("exit %d, %+v", code, f)
		}
	})
	t.Run("DamageThereIsFound", func(t *testing.T) {
		segment := filepath.Join(there, "store", "000001.tar")
		data, err := os.ReadFile(segment)
		must(t, err)
		data[len(data)/2] ^= 1
		must(t, os.WriteFile(segment, data, 0o600))
		if code, out, errs := run(t, "journal", "backup", "-c", config, "--drill"); code != exitData {
			t.Errorf("exit %d: %s%s", code, out, errs)
		}
	})
	t.Run("Refused", func(t *testing.T) {
		stranger := testkit.NewKey(t).Line
		for code, args := range map[int][]string{
			exitUnreachable: {"--host-key", stranger},
			exitUsage:       {"--sftp", "http://x/y"},
		} {
			if got, _, errs := run(t, append([]string{"journal", "backup", "-c", config}, args...)...); got != code {
				t.Errorf("%v: exit %d, %s", args, got, errs)
			}
		}
		if code, _, errs := run(t, "journal", "backup", "-c", config, "--into", "x", there); code != exitUsage {
			t.Errorf("--into of a folder: exit %d, %s", code, errs)
		}
	})
}

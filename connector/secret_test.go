package main

import (
	"bufio"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bankconnector/connector/entry"
)

// TestNoCoreDump: the memory of a process with keys goes into no core file, and the unit asks for the same.
func TestNoCoreDump(t *testing.T) {
	t.Run("Process", func(t *testing.T) {
		c := program(t, "rehearse", "--dir", t.TempDir(), "--banks", "1")
		out, err := c.StdoutPipe()
		must(t, err)
		must(t, c.Start())
		defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "READY\n" {
			t.Fatalf("%q, %v", line, err)
		}
		limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", c.Process.Pid))
		must(t, err)
		for line := range strings.Lines(string(limits)) {
			if rest, ok := strings.CutPrefix(line, "Max core file size"); ok {
				if f := strings.Fields(rest); len(f) < 2 || f[0] != "0" || f[1] != "0" {
					t.Errorf("core files of %s may be written", rest)
				}
				return
			}
		}
		t.Errorf("no limit of core files in:\n%s", limits)
	})
	t.Run("Dumpable", func(t *testing.T) {
		dumpable := func() uintptr {
			v, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_GET_DUMPABLE, 0, 0)
			if errno != 0 {
				t.Fatal(errno)
			}
			return v
		}
		before := dumpable()
		must(t, entry.KeepMemory())
		if v := dumpable(); v != 0 {
			t.Errorf("dumpable is %d", v)
		}
		_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, before, 0)
	})
	t.Run("Unit", func(t *testing.T) {
		unit, err := os.ReadFile("../packaging/bankconnector.service")
		must(t, err)
		if !strings.Contains(string(unit), "\nLimitCORE=0\n") {
			t.Error("the unit does not say LimitCORE=0")
		}
	})
}

// secretsOf are the ways in which the octets of a key file could show: lines of its PEM, its body in hexadecimal, raw.
func secretsOf(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("%s is no PEM", path)
	}
	end := block.Bytes[len(block.Bytes)-24:] // of every PKCS#8 key here that is the secret, or a part of it
	if strings.Contains(block.Type, "OPENSSH") {
		end = block.Bytes[len(block.Bytes)/2 : len(block.Bytes)/2+24]
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return []string{lines[len(lines)/2], hex.EncodeToString(end), strings.ToUpper(hex.EncodeToString(end)), string(end), fmt.Sprintf("%d", end)}
}

// TestKeysAreNowhereElse makes keys, exchanges documents with the log at its fullest, and looks for every private key in
// what was said and in every file that was written.
func TestKeysAreNowhereElse(t *testing.T) {
	dir, config := stage(t, 1)
	done(t, "sample", "-c", config, "--documents", "4")
	code, out, errs := run(t, "exchange", "-c", config, "--until", "answered", "--log", "debug", "--timeout", time.Minute.String())
	if code != exitDone {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	for _, args := range [][]string{{"config", "check"}, {"config", "plan"}, {"keys", "list"}, {"bank", "list"}, {"documents", "list"}, {"journal", "query", "SELECT * FROM event"}} {
		_, o, e := run(t, append(args, "-c", config)...)
		out, errs = out+o, errs+e
	}
	private := map[string][]string{}
	said := 0
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(data), "PRIVATE KEY-----") {
			return err
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v (%v)", path, info.Mode(), err)
		}
		private[path] = secretsOf(t, path)
		return nil
	}))
	if len(private) < 4 {
		t.Fatalf("%d private keys were found, want ours, the official's, the bank's, the SSH keys: %v", len(private), private)
	}
	hold := func(where, text string) {
		said += len(text)
		for key, secrets := range private {
			for _, s := range secrets {
				if where != key && strings.Contains(text, s) {
					t.Errorf("%s holds the key of %s", where, key)
				}
			}
		}
	}
	hold("standard output", out)
	hold("the log", errs)
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		hold(path, string(data))
		return err
	}))
	if said < 100_000 {
		t.Errorf("only %d octets were looked through", said)
	}
}

// TestLooseSecretsAreRefused opens every secret of an installation to others, one at a time: nothing is done with it, and
// the command that mends it is told.
func TestLooseSecretsAreRefused(t *testing.T) {
	dir, config := stage(t, 1)
	done(t, "exchange", "-c", config)
	secrets := []string{filepath.Join(dir, "keys", "signing.key"), filepath.Join(dir, "state", "checkpoint.key")}
	ssh, err := filepath.Glob(filepath.Join(dir, "keys", "*ssh*"))
	must(t, err)
	for _, path := range ssh {
		if !strings.HasSuffix(path, ".pub") {
			secrets = append(secrets, path)
		}
	}
	if len(secrets) < 3 {
		t.Fatalf("no SSH key among %v", secrets)
	}
	for _, path := range secrets {
		for _, mode := range []fs.FileMode{0o644, 0o640, 0o620, 0o606} {
			t.Run(filepath.Base(path)+mode.String(), func(t *testing.T) {
				must(t, os.Chmod(path, mode))
				code, out, errs := run(t, "exchange", "-c", config)
				must(t, os.Chmod(path, 0o600))
				mend := strings.Contains(out+errs, "chmod 600 "+path) || strings.Contains(out+errs, "chmod 0600 "+path)
				if code == exitDone || !mend {
					t.Errorf("exit %d, without the command that mends %s:\n%s%s", code, path, out, errs)
				}
			})
		}
	}
	done(t, "exchange", "-c", config)
}

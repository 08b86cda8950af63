package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// court is a folder with an unpacked archive and the few tools of a stranger.
type court struct {
	t         *testing.T
	dir, path string
}

// strangersTools are the three that check and what a POSIX shell script needs.
var strangersTools = strings.Fields("openssl sqlite3 sha256sum sh cut sed od tr basename mktemp mkdir rm cat grep")

func newCourt(t *testing.T, archive string) court {
	t.Helper()
	c := court{t: t, dir: t.TempDir(), path: t.TempDir()}
	for _, tool := range strangersTools {
		at, err := exec.LookPath(tool)
		if err != nil {
			t.Fatalf("%s is missing; run: apt-get install -y openssl libengine-gost-openssl sqlite3", tool)
		}
		must(t, os.Symlink(at, filepath.Join(c.path, tool)))
	}
	z, err := zip.OpenReader(archive)
	must(t, err)
	defer z.Close()
	must(t, os.CopyFS(c.dir, z))
	return c
}

// check runs the archive's own script.
func (c court) check() (string, error) {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), filepath.Join(c.path, "sh"), "check.sh")
	cmd.Dir, cmd.Env = c.dir, []string{"PATH=" + c.path}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// sum writes SHA256SUMS anew, as a forger would.
func (c court) sum() {
	c.t.Helper()
	var sums bytes.Buffer
	must(c.t, fs.WalkDir(os.DirFS(c.dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == "SHA256SUMS" {
			return err
		}
		f, err := os.Open(filepath.Join(c.dir, name))
		must(c.t, err)
		defer f.Close()
		h := sha256.New()
		_, err = io.Copy(h, f)
		fmt.Fprintf(&sums, "%x  %s\n", h.Sum(nil), name)
		return err
	}))
	must(c.t, os.WriteFile(filepath.Join(c.dir, "SHA256SUMS"), sums.Bytes(), 0o600))
}

// edit changes a file of the archive.
func (c court) edit(pattern string, change func([]byte) []byte) {
	c.t.Helper()
	found, err := filepath.Glob(filepath.Join(c.dir, pattern))
	must(c.t, err)
	if len(found) == 0 {
		c.t.Fatalf("no %s in the archive", pattern)
	}
	data, err := os.ReadFile(found[0])
	must(c.t, err)
	must(c.t, os.Chmod(found[0], 0o600))
	must(c.t, os.WriteFile(found[0], change(data), 0o600))
}

func (c court) sql(text string) {
	c.t.Helper()
	must(c.t, os.Chmod(filepath.Join(c.dir, "events.db"), 0o600))
	out, err := exec.CommandContext(c.t.Context(), "sqlite3", "-bail", filepath.Join(c.dir, "events.db"), text).CombinedOutput()
	if err != nil {
		c.t.Fatalf("%s: %s", text, out)
	}
}

// TestEvidenceIsCheckedWithoutUs gives a stranger the archive of every kind of document.
func TestEvidenceIsCheckedWithoutUs(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	done(t, "demo", "--dir", dir, "--banks", "2", "--documents", "8", "--json")
	b := book(t, dir)
	ids := query(t, b, `SELECT min(id) FROM exchanges GROUP BY kind`)
	if len(ids) != 2 {
		t.Fatalf("the demo has %d kinds of document", len(ids))
	}
	var archive string
	for _, id := range ids {
		archive = filepath.Join(t.TempDir(), "e.zip")
		done(t, "journal", "evidence", id, "-c", config, "--out", archive)
		out, err := newCourt(t, archive).check()
		if err != nil || !strings.HasSuffix(out, "ALL CHECKED\n") || strings.Count(out, "sent/") < 4 || strings.Count(out, "received/") < 4 {
			t.Errorf("document %s: %v\n%s", id, err, out)
		}
	}
	last := func(data []byte) []byte { data[len(data)-1] ^= 1; return data }
	for name, tt := range map[string]struct {
		spoil func(c court)
		want  string
	}{
		"FileChanged":     {func(c court) { c.edit("exchange.json", last) }, "SHA256SUMS"},
		"EnvelopeChanged": {func(c court) { c.edit("sent/*.zip", last); c.sum() }, "is not what was sent"},
		"ReplyChanged":    {func(c court) { c.edit("received/*.zip", last); c.sum() }, "is not what came"},
		"SourceChanged":   {func(c court) { c.edit("office/*", last); c.sum() }, "another digest"},
		"EventChanged":    {func(c court) { c.sql(`UPDATE event SET actor = 'x' WHERE seq = (SELECT min(seq) FROM event)`); c.sum() }, "octets that are not their columns"},
		"HashChanged": {func(c court) {
			c.sql(`UPDATE event SET hash = (CASE substr(hash, 1, 1) WHEN '0' THEN '1' ELSE '0' END) || substr(hash, 2) WHERE seq = (SELECT min(seq) FROM event)`)
			c.sum()
		}, "does not have its hash"},
		"HashIsNone": {func(c court) { // a line that sha256sum would pass over
			c.sql(`UPDATE event SET hash = 'none' WHERE seq = (SELECT min(seq) FROM event)`)
			c.sum()
		}, "does not have its hash"},
		"EventTaken":        {func(c court) { c.sql(`DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)`); c.sum() }, "is not signed"},
		"CheckpointChanged": {func(c court) { c.edit("checkpoints/*.text", func(d []byte) []byte { return append(d, '\n') }); c.sum() }, "is not signed"},
		"CertificateChanged": {func(c court) {
			other, err := os.ReadFile(filepath.Join(dir, "keys", "official.pem"))
			must(t, err)
			c.edit("certificates/*.pem", func([]byte) []byte { return other })
			c.sum()
		}, "is another certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCourt(t, archive)
			tt.spoil(c)
			if out, err := c.check(); err == nil || !strings.Contains(out, "WRONG") || !strings.Contains(out, tt.want) {
				t.Errorf("%v, want %q\n%s", err, tt.want, out)
			}
		})
	}
	t.Run("TwiceIsAnError", func(t *testing.T) {
		if code, _, errs := run(t, "journal", "evidence", ids[0], "-c", config, "--out", archive); code == exitDone {
			t.Errorf("the archive was written over: %s", errs)
		}
	})
}

package main

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bankconnector/banks/rehearsal"
	"bankconnector/connector/practice"
	"bankconnector/connector/spool"
	"bankconnector/crypto/pki"
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

// check enters the commands of a README, exactly as they stand there.
func (c court) check(readme string) (string, error) {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, readme))
	must(c.t, err)
	var commands strings.Builder
	for line := range strings.Lines(string(text)) {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			commands.WriteString(command)
		}
	}
	cmd := exec.CommandContext(c.t.Context(), filepath.Join(c.path, "sh"))
	cmd.Stdin = strings.NewReader(commands.String())
	cmd.Dir, cmd.Env = c.dir, []string{"PATH=" + c.path}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// script runs the same commands from the archive's file.
func (c court) script() (string, error) {
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
		c := newCourt(t, archive)
		script, err := c.script()
		if err != nil || !strings.HasSuffix(script, "ALL CHECKED\n") || strings.Count(script, "sent/") < 4 || strings.Count(script, "received/") < 4 {
			t.Errorf("document %s: %v\n%s", id, err, script)
		}
		for _, readme := range []string{"README.ru.txt", "README.en.txt"} {
			out, err := c.check(readme)
			if _, events, ok := strings.Cut(out, script); err != nil || !ok || !strings.Contains(events, "exchange.delivered") {
				t.Errorf("document %s: %s: %v\n%s", id, readme, err, out)
			}
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
			out, err := c.check("README.ru.txt")
			if err == nil || !strings.Contains(out, "WRONG") || !strings.Contains(out, tt.want) || strings.Contains(out, "ALL CHECKED") {
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

// TestEvidenceAsContainer opens the ASiC-E form with standard tools.
func TestEvidenceAsContainer(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	done(t, "demo", "--dir", dir, "--banks", "1", "--documents", "1", "--json")
	archive := filepath.Join(t.TempDir(), "e.asice")
	done(t, "journal", "evidence", "1", "-c", config, "--asice", "--out", archive)
	data, err := os.ReadFile(archive)
	must(t, err)
	if !bytes.HasPrefix(data[30:], []byte("mimetypeapplication/vnd.etsi.asic-e+zipPK\x03\x04")) || data[28] != 0 || data[8] != 0 {
		t.Errorf("the container begins with %q", data[:90])
	}
	if out, err := exec.CommandContext(t.Context(), "unzip", "-t", archive).CombinedOutput(); err != nil {
		t.Errorf("unzip (apt-get install -y unzip): %v\n%s", err, out)
	}
	c := newCourt(t, archive)
	if out, err := c.check("README.ru.txt"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	verify := func() error {
		cmd := exec.CommandContext(t.Context(), "openssl", "cms", "-verify", "-engine", "gost", "-binary", "-inform", "DER",
			"-in", "META-INF/signature001.p7s", "-content", "META-INF/ASiCManifest001.xml",
			"-nointern", "-certfile", filepath.Join(dir, "keys", "signing.pem"), "-noverify", "-out", "/dev/null")
		cmd.Dir = c.dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	must(t, verify())
	var m struct {
		Signature struct {
			URI string `xml:"URI,attr"`
		} `xml:"SigReference"`
		Data []struct {
			URI    string `xml:"URI,attr"`
			Digest string `xml:"DigestValue"`
		} `xml:"DataObjectReference"`
	}
	text, err := os.ReadFile(filepath.Join(c.dir, "META-INF", "ASiCManifest001.xml"))
	must(t, err)
	must(t, xml.Unmarshal(text, &m))
	named := map[string]bool{"mimetype": true, "META-INF/ASiCManifest001.xml": true, m.Signature.URI: true}
	for _, d := range m.Data {
		data, err := os.ReadFile(filepath.Join(c.dir, d.URI))
		must(t, err)
		sum := sha256.Sum256(data)
		if named[d.URI] = true; base64.StdEncoding.EncodeToString(sum[:]) != d.Digest {
			t.Errorf("%s has another digest", d.URI)
		}
	}
	must(t, fs.WalkDir(os.DirFS(c.dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !named[name] {
			t.Errorf("%s is not signed", name)
		}
		return err
	}))
	c.edit("META-INF/ASiCManifest001.xml", func(d []byte) []byte { return bytes.Replace(d, []byte("exchange"), []byte("Exchange"), 1) })
	if verify() == nil {
		t.Error("a changed manifest passes")
	}
}

// TestBanksHoldOurSignedHead: what a bank got with an envelope proves the journal, also
// when our own checkpoints are gone and the chain was computed anew.
func TestBanksHoldOurSignedHead(t *testing.T) {
	dir := t.TempDir()
	done(t, "demo", "--dir", dir, "--banks", "1", "--documents", "3", "--json")
	b := book(t, dir)
	store := filepath.Join(t.TempDir(), "manifests")
	var manifests bytes.Buffer
	s := spool.ReadStore(filepath.Join(dir, "state", "store"))
	for _, digest := range query(t, b, `SELECT file_sha256 FROM exchanges`) {
		data, err := s.Get(t.Context(), digest)
		must(t, err)
		z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		must(t, err)
		m, err := fs.ReadFile(z, "manifest.xml")
		must(t, err)
		manifests.Write(append(m, '\n'))
	}
	must(t, os.WriteFile(store, manifests.Bytes(), 0o600))
	verify := func(path string) (int, string) {
		code, out, _ := run(t, "journal", "verify", "--json", "--file", path, "--checkpoints", store, "--checkpoint-key", filepath.Join(dir, "state", "checkpoint.pub"))
		return code, out
	}
	if code, out := verify(filepath.Join(dir, "state", "journal.db")); code != exitDone || !strings.Contains(out, `"checkpoints":3`) {
		t.Errorf("exit %d, %s", code, out)
	}
	// Another installation's journal, sound by itself, with the same key.
	other := t.TempDir()
	done(t, "demo", "--dir", other, "--banks", "1", "--documents", "3", "--json")
	if code, out := verify(filepath.Join(other, "state", "journal.db")); code != exitData {
		t.Errorf("exit %d, %s", code, out)
	}
}

// TestEvidenceHoldsTheListsOfThen is a bank whose signer chains to an authority with
// lists of revoked certificates: what was relied on when its replies came is in the
// archive, also when the files of the configuration are others by now.
func TestEvidenceHoldsTheListsOfThen(t *testing.T) {
	dir := t.TempDir()
	p := &practice.Stage{Dir: dir, Now: time.Now}
	must(t, p.Setup(1))
	ca := newGOSTAuthority(t, filepath.Join(dir, "ca"))
	keys, err := filepath.Glob(filepath.Join(dir, "banks", "*", "signing.key"))
	must(t, err)
	bank := filepath.Base(filepath.Dir(keys[0]))
	ca.issue(t, strings.TrimSuffix(keys[0], ".key"))
	ca.lists(t)
	p = &practice.Stage{Dir: dir, Now: time.Now} // with the certificate of the authority
	must(t, p.Setup(1))
	r, err := p.Start(t.Context(), rehearsal.Config{Seed: 1, FinalReports: true})
	must(t, err)
	t.Cleanup(func() { _ = r.Close() })
	profile := filepath.Join(dir, "banks.d", bank+".yaml")
	text, err := os.ReadFile(profile)
	must(t, err)
	text = append(text, "trust:\n  roots: [../ca/root.pem]\n  intermediates: [../ca/middle.pem]\n  crls: [../ca/root.crl, ../ca/middle.crl]\n"...)
	must(t, os.WriteFile(profile, text, 0o600))
	config := filepath.Join(dir, "config.yaml")
	done(t, "sample", "-c", config, "--documents", "1")
	done(t, "exchange", "-c", config, "--until", "answered", "--timeout", "1m")

	// Years go by: the bank has another authority now, and nobody kept the old files.
	old, err := os.ReadFile(filepath.Join(dir, "ca", "middle.pem"))
	must(t, err)
	must(t, os.RemoveAll(filepath.Join(dir, "ca")))
	must(t, os.WriteFile(profile, text[:bytes.Index(text, []byte("trust:"))], 0o600))
	archive := filepath.Join(t.TempDir(), "e.zip")
	done(t, "journal", "evidence", "1", "-c", config, "--out", archive)
	c := newCourt(t, archive)
	if out, err := c.check("README.en.txt"); err != nil || strings.Count(out, "the signer's chain holds as of") < 2 {
		t.Errorf("%v\n%s", err, out)
	}
	for pattern, data := range map[string][]byte{"chains/received/*/root.pem": old, "chains/received/*/crl-2.pem": nil} {
		c := newCourt(t, archive)
		c.edit(pattern, func(d []byte) []byte {
			if data == nil {
				return bytes.Replace(d, []byte("A"), []byte("B"), 1)
			}
			return data
		})
		c.sum()
		if out, err := c.check("README.en.txt"); err == nil {
			t.Errorf("%s changed:\n%s", pattern, out)
		}
	}
}

// gostAuthority is a root and an authority under it, with GOST keys.
type gostAuthority struct {
	dir    string
	middle *pki.Certificate
	key    pki.PrivateKey
}

func newGOSTAuthority(t *testing.T, dir string) gostAuthority {
	t.Helper()
	must(t, os.Mkdir(dir, 0o700))
	a := gostAuthority{dir: dir}
	var above *pki.Certificate
	var by pki.PrivateKey
	for _, name := range []string{"root", "middle"} {
		key, err := pki.GenerateKey(pki.GOST256, rand.Reader)
		must(t, err)
		if by == nil {
			by = key
		}
		cert, err := pki.IssueCertificate(pki.Template{
			Subject: pki.Subject{CommonName: "УЦ " + name}, IsCA: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		}, key.Public(), above, by, rand.Reader)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name+".pem"), pki.MarshalCertificate(cert), 0o600))
		pem, err := pki.MarshalPrivateKey(key)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name+".key"), pem, 0o600))
		above, by = cert, key
		a.middle, a.key = cert, key
	}
	return a
}

// issue puts a certificate of the authority in the place of a self-signed one.
func (a gostAuthority) issue(t *testing.T, path string) {
	t.Helper()
	key, err := pki.ReadKeyFile(path + ".key")
	must(t, err)
	data, err := os.ReadFile(path + ".pem")
	must(t, err)
	own, err := pki.ReadCertificates(data)
	must(t, err)
	subject := own[0].Subject()
	cert, err := pki.IssueCertificate(pki.Template{Subject: subject, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0)},
		key.Public(), a.middle, a.key, rand.Reader)
	must(t, err)
	must(t, os.WriteFile(path+".pem", pki.MarshalCertificate(cert), 0o600))
}

// lists has openssl write both lists of revoked certificates, empty.
func (a gostAuthority) lists(t *testing.T) {
	t.Helper()
	for _, name := range []string{"root", "middle"} {
		conf := "[ca]\ndefault_ca=d\n[d]\ndatabase=" + name + ".db\ncrlnumber=" + name + ".n\ndefault_crl_days=7\ndefault_md=md_gost12_256\n"
		for file, text := range map[string]string{name + ".conf": conf, name + ".db": "", name + ".n": "01\n"} {
			must(t, os.WriteFile(filepath.Join(a.dir, file), []byte(text), 0o600))
		}
		c := exec.CommandContext(t.Context(), "openssl", "ca", "-engine", "gost", "-config", name+".conf", "-gencrl",
			"-keyfile", name+".key", "-cert", name+".pem", "-out", name+".crl")
		c.Dir = a.dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("openssl ca -gencrl (apt-get install -y openssl libengine-gost-openssl): %v\n%s", err, out)
		}
	}
}

package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// stamping is the real openssl ts behind a server on loopback, with a certificate of the given kind of key.
func stamping(t *testing.T, digest string, newkey ...string) (url, certificate string) {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "openssl.cnf"), []byte("openssl_conf=conf\n[conf]\nengines=engines\n[engines]\ngost=gost\n[gost]\nengine_id=gost\ndefault_algorithms=ALL\n"+
		"[req]\ndistinguished_name=dn\n[dn]\n[tsa]\nbasicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n"+
		"[ts]\ndefault_tsa=serve\n[serve]\nserial=serial\ndefault_policy=1.2.3\ndigests=sha256,md_gost12_256\ness_cert_id_alg=sha256\nclock_precision_digits=3\n"), 0o600))
	openssl := func(args ...string) {
		c := exec.Command("openssl", args...)
		c.Dir, c.Env = dir, append(os.Environ(), "OPENSSL_CONF="+filepath.Join(dir, "openssl.cnf"))
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("openssl %v: %v\n%s", args, err, out)
		}
	}
	openssl(append([]string{"req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=tsa", "-extensions", "tsa", "-keyout", "key", "-out", "cert.pem"}, newkey...)...)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, _ := io.ReadAll(r.Body)
		_ = os.WriteFile(filepath.Join(dir, "query"), query, 0o600) // openssl tells what is wrong with it
		openssl("ts", "-reply", "-section", "serve", "-queryfile", "query", "-signer", "cert.pem", "-inkey", "key", "-"+digest, "-out", "answer")
		answer, _ := os.ReadFile(filepath.Join(dir, "answer"))
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(answer)
	}))
	t.Cleanup(s.Close)
	return s.URL, filepath.Join(dir, "cert.pem")
}

// TestTimeStamps: the program has its checkpoints stamped while it works, proves the stamps anew, and gives them to a
// stranger, who checks them with openssl.
func TestTimeStamps(t *testing.T) {
	for name, key := range map[string][]string{
		"sha256": {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"}, "md_gost12_256": {"-newkey", "gost2012_256", "-pkeyopt", "paramset:A"},
	} {
		t.Run(name, func(t *testing.T) {
			url, certificate := stamping(t, name, key...)
			dir, config := stage(t, 1)
			text, err := os.ReadFile(config)
			must(t, err)
			text = fmt.Appendf(text, "\ncheckpoint: {timestamp: {url: %q, certificates: [%s], every: 1m}}\n", url, certificate)
			must(t, os.WriteFile(config, text, 0o600))
			done(t, "config", "check", "-c", config)
			done(t, "sample", "-c", config, "--documents", "2")
			done(t, "exchange", "-c", config, "--until", "answered")
			stamps := filepath.Join(dir, "state", "timestamps")
			must(t, os.RemoveAll(stamps)) // the first one was of the head before the documents
			for range 20 {                // a run may end before the answer comes; it waits for none
				done(t, "exchange", "-c", config)
				if tokens, _ := filepath.Glob(filepath.Join(stamps, "*.tst")); len(tokens) > 0 {
					break
				}
			}
			f, code := verdict(t, "-c", config)
			if code != exitDone || f.Stamps != 1 || f.Stamped.IsZero() {
				t.Fatalf("exit %d, %+v", code, f)
			}
			t.Run("Stranger", func(t *testing.T) { stampedEvidence(t, dir, config) })
			away := []string{
				"--file", filepath.Join(dir, "state", "journal.db"), "--checkpoints", filepath.Join(dir, "state", "checkpoints"),
				"--checkpoint-key", filepath.Join(dir, "state", "checkpoint.pub"), "--timestamps", stamps,
			}
			if code, _, _ := run(t, append([]string{"journal", "verify"}, away...)...); code != exitUsage {
				t.Errorf("time stamps without the authority's certificate: exit %d", code)
			}
			if out := done(t, append([]string{"journal", "verify", "--lang", "ru", "--authority", certificate}, away...)...); !strings.Contains(out, "меток времени 1") {
				t.Errorf("away: %s", out)
			}
			t.Run("Backup", func(t *testing.T) {
				copies := t.TempDir()
				drilled(t, 0, "-c", config, copies)
				if tokens, _ := filepath.Glob(filepath.Join(copies, "timestamps", "*.tst")); len(tokens) != 1 {
					t.Errorf("the copy has the time stamps %v", tokens)
				}
			})
			t.Run("Spoilt", func(t *testing.T) {
				tokens, _ := filepath.Glob(filepath.Join(stamps, "*.tst"))
				data, err := os.ReadFile(tokens[0])
				must(t, err)
				data[len(data)-1] ^= 1
				must(t, os.WriteFile(tokens[0], data, 0o600))
				if f, code := verdict(t, "-c", config); code != exitData || f.OK || f.Stamps != 0 || !strings.Contains(strings.Join(f.Problems, ""), "time stamp of event") {
					t.Errorf("exit %d, %+v", code, f)
				}
			})
		})
	}
}

// TestNobodyStamps: an authority that is not there holds up nothing.
func TestNobodyStamps(t *testing.T) {
	_, certificate := stamping(t, "sha256", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
	dir, config := stage(t, 1)
	text, err := os.ReadFile(config)
	must(t, err)
	text = fmt.Appendf(text, "\ncheckpoint: {timestamp: {url: \"http://127.0.0.1:1/\", certificates: [%s]}}\n", certificate)
	must(t, os.WriteFile(config, text, 0o600))
	t.Run("ByAnotherCertificate", func(t *testing.T) { // one that is not made for time stamps
		other := filepath.Join(t.TempDir(), "config.yaml")
		must(t, os.WriteFile(other, []byte(strings.Replace(string(text), certificate, "keys/signing.pem", 1)), 0o600))
		for _, name := range []string{"keys", "banks.d", "banks"} {
			must(t, os.Symlink(filepath.Join(dir, name), filepath.Join(filepath.Dir(other), name)))
		}
		if code, _, errs := run(t, "config", "check", "-c", other); code != exitConfig || !strings.Contains(errs, "time stamps") {
			t.Errorf("exit %d: %s", code, errs)
		}
	})
	done(t, "sample", "-c", config, "--documents", "2")
	done(t, "exchange", "-c", config, "--until", "answered")
	if rows := query(t, book(t, dir), `SELECT count(*) FROM exchanges WHERE answered_at IS NOT NULL`); rows[0] != "2" {
		t.Errorf("answered: %v", rows)
	}
	if f, code := verdict(t, "-c", config); code != exitDone || !f.OK || f.Stamps != 0 {
		t.Errorf("exit %d, %+v", code, f)
	}
}

// stampedEvidence checks an archive with a time stamp, and one that was tampered with.
func stampedEvidence(t *testing.T, dir, config string) {
	id := query(t, book(t, dir), `SELECT min(id) FROM exchanges`)[0]
	archive := filepath.Join(t.TempDir(), "e.zip")
	done(t, "journal", "evidence", id, "-c", config, "--out", archive)
	c := newCourt(t, archive)
	out, err := c.script()
	if err != nil || !strings.Contains(out, "stamped by an authority on") || !strings.HasSuffix(out, "ALL CHECKED\n") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, readme := range []string{"README.ru.txt", "README.en.txt"} {
		if out, err := c.check(readme); err != nil || !strings.Contains(out, "stamped by an authority on") {
			t.Errorf("%s: %v\n%s", readme, err, out)
		}
	}
	c.edit("checkpoints/*.tst", func(d []byte) []byte { d[len(d)-1] ^= 1; return d })
	c.sum()
	if out, err := c.script(); err == nil || !strings.Contains(out, "is no time stamp of") {
		t.Errorf("a spoilt token: %v\n%s", err, out)
	}
}

package dated

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bankconnector/connector/evidence/note"
	"bankconnector/connector/journal"
	"bankconnector/crypto/pki"
	"bankconnector/crypto/stamp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// office is the real openssl ts behind a server on loopback.
type office struct {
	t    *testing.T
	dir  string
	cert *pki.Certificate
	url  string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, dir: t.TempDir()}
	must(t, os.WriteFile(filepath.Join(o.dir, "openssl.cnf"), []byte("[req]\ndistinguished_name=dn\n[dn]\n[tsa]\nbasicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n"+
		"extendedKeyUsage=critical,timeStamping\n[ts]\ndefault_tsa=serve\n[serve]\nserial=serial\ndefault_policy=1.2.3\ndigests=sha256\ness_cert_id_alg=sha256\n"), 0o600))
	o.openssl("req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=tsa", "-extensions", "tsa", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", "key", "-out", "cert")
	data, err := os.ReadFile(filepath.Join(o.dir, "cert"))
	must(t, err)
	list, err := pki.ReadCertificates(data)
	must(t, err)
	o.cert = list[0]
	s := httptest.NewServer(o)
	t.Cleanup(s.Close)
	o.url = s.URL
	return o
}

func (o *office) openssl(args ...string) {
	o.t.Helper()
	c := exec.Command("openssl", args...)
	c.Dir, c.Env = o.dir, append(os.Environ(), "OPENSSL_CONF="+filepath.Join(o.dir, "openssl.cnf"))
	if out, err := c.CombinedOutput(); err != nil {
		o.t.Errorf("openssl %v: %v\n%s", args, err, out)
	}
}

// ServeHTTP answers as an authority.
func (o *office) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("Content-Type") != "application/timestamp-query" || os.WriteFile(filepath.Join(o.dir, "query"), query, 0o600) != nil {
		o.t.Errorf("the request: %v, %v", err, r.Header)
	}
	o.openssl("ts", "-reply", "-section", "serve", "-queryfile", "query", "-signer", "cert", "-inkey", "key", "-sha256", "-out", "answer")
	answer, err := os.ReadFile(filepath.Join(o.dir, "answer"))
	if err != nil {
		o.t.Error(err)
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	_, _ = w.Write(answer)
}

// room is a journal, its head, and a clock that the test turns.
type room struct {
	t      *testing.T
	book   *journal.Book
	key    *note.Key
	asking Asking
	ahead  time.Duration
}

func newRoom(t *testing.T, o *office) *room {
	t.Helper()
	dir := t.TempDir()
	r := &room{t: t}
	now := func() time.Time { return time.Now().Add(r.ahead) }
	var err error
	r.book, err = journal.Create(t.Context(), filepath.Join(dir, "journal.db"), journal.Options{Now: now, Instance: "host"})
	must(t, err)
	t.Cleanup(func() { must(t, r.book.Close()) })
	r.key, err = note.OpenKey(filepath.Join(dir, "key"), filepath.Join(dir, "pub"), rand.Reader)
	must(t, err)
	r.asking = Asking{
		URL: o.url, Every: time.Minute, Authority: &stamp.Authority{Certificates: []*pki.Certificate{o.cert}}, Folder: filepath.Join(dir, "timestamps"),
		File: filepath.Join(dir, "checkpoints"), Book: r.book, Now: now, Log: slog.New(slog.DiscardHandler), Patience: 10 * time.Second,
	}
	r.checkpoint()
	return r
}

// write adds an event, and a checkpoint of it.
func (r *room) write() {
	r.t.Helper()
	must(r.t, r.book.Write(r.t.Context(), "test", func(tx *journal.Tx) error { return tx.Note("note.test", "", 0, struct{}{}) }))
	r.checkpoint()
}

func (r *room) checkpoint() {
	r.t.Helper()
	seq, hash := r.book.Latest()
	raw, err := r.key.Sign(note.Checkpoint{Origin: note.Named("host"), Seq: seq, Hash: hash})
	must(r.t, err)
	f, err := note.Open(r.asking.File)
	must(r.t, err)
	must(r.t, errors.Join(f.Add(raw), f.Close()))
}

// kept lists the checkpoints that have tokens, each of which must hold.
func (r *room) kept() (seqs []int64) {
	r.t.Helper()
	must(r.t, Each(r.asking.Folder, func(d Stamped) error {
		seqs = append(seqs, d.Note.Seq)
		_, err := r.asking.Authority.Verify(d.Token, []byte(d.Note.Raw))
		return errors.Join(d.Err, err)
	}))
	return seqs
}

// told counts the events of a kind.
func (r *room) told(kind string) (n int) {
	r.t.Helper()
	must(r.t, r.book.DB().QueryRowContext(r.t.Context(), `SELECT count(*) FROM event WHERE kind = ?`, kind).Scan(&n))
	return n
}

// TestStampsAreAskedForInTurn: one at once, the next when its time has come and something was written, and a start goes
// on where the last one ended.
func TestStampsAreAskedForInTurn(t *testing.T) {
	o := newOffice(t)
	r := newRoom(t, o)
	s, err := prepare(r.asking)
	must(t, err)
	r.write()
	must(t, s.look(t.Context()))
	must(t, s.look(t.Context())) // not yet due
	r.write()
	must(t, s.look(t.Context())) // still not
	r.ahead = time.Minute
	must(t, s.look(t.Context()))
	r.ahead = 2 * time.Minute
	must(t, s.look(t.Context())) // nothing was written since
	if got := fmt.Sprint(r.kept()); got != "[2 3]" {
		t.Errorf("stamped are %s", got)
	}
	again, err := prepare(r.asking)
	must(t, err)
	if again.last != 3 || again.next.Before(time.Now()) {
		t.Errorf("a start goes on after event %d, at %s", again.last, again.next)
	}
	first := filepath.Join(r.asking.Folder, "000000000002")
	must(t, os.WriteFile(filepath.Join(o.dir, "cafile"), pki.MarshalCertificate(o.cert), 0o600))
	o.openssl("ts", "-verify", "-data", first+".note", "-in", first+".tst", "-token_in", "-CAfile", "cafile", "-partial_chain")
}

// TestRunAsks is the goroutine itself: it asks by itself, and Close does not wait long for an authority that is mute.
func TestRunAsks(t *testing.T) {
	o := newOffice(t)
	r := newRoom(t, o)
	asked := make(chan bool, 1)
	mute := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		asked <- true
		<-r.Context().Done()
	}))
	defer mute.Close()
	r.asking.URL, r.asking.Patience = mute.URL, 100*time.Millisecond
	s, err := Start(t.Context(), r.asking)
	must(t, err)
	<-asked
	must(t, s.Close())
	if r.told("alarm.timestamp") != 0 || len(r.kept()) != 0 {
		t.Error("an end is no failure")
	}
}

// TestHostileAuthorities: none of these is a time stamp, each is over in time, and the journal is told once, when the term
// is over, and once more when there are stamps again.
func TestHostileAuthorities(t *testing.T) {
	o := newOffice(t)
	other := newOffice(t)
	answer := func(status int, kind string, body io.Reader) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.Copy(w, body)
		}
	}
	const reply = "application/timestamp-reply"
	for name, turn := range map[string]http.HandlerFunc{
		"Mute":    func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() },
		"Huge":    answer(200, reply, io.LimitReader(zeros{}, 64<<20)),
		"Nothing": answer(200, reply, strings.NewReader("")),
		"Page":    answer(200, "text/html", strings.NewReader("<html>")),
		"Error":   answer(500, reply, strings.NewReader("")),
		"Redirection": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.url, http.StatusTemporaryRedirect)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, o)
			s, err := prepare(r.asking)
			must(t, err)
			if name == "Mute" {
				s.Patience = 50 * time.Millisecond
			}
			hostile := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { turn(w, r) }))
			defer hostile.Close()
			s.URL = hostile.URL
			for _, ahead := range []time.Duration{0, time.Second, time.Minute, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute} {
				r.ahead = ahead
				must(t, s.look(t.Context()))
			}
			if len(r.kept()) != 0 || r.told("alarm.timestamp") != 1 || r.told("note.timestamp") != 0 {
				t.Errorf("kept %v, told %d times", r.kept(), r.told("alarm.timestamp"))
			}
			s.URL, s.Patience = o.url, 10*time.Second
			s.next = time.Time{}
			must(t, s.look(t.Context()))
			if len(r.kept()) != 1 || r.told("note.timestamp") != 1 {
				t.Errorf("afterwards kept %v, told %d times", r.kept(), r.told("note.timestamp"))
			}
		})
	}
	t.Run("AnotherAuthority", func(t *testing.T) {
		r := newRoom(t, other)
		r.asking.Authority = &stamp.Authority{Certificates: []*pki.Certificate{o.cert}}
		s, err := prepare(r.asking)
		must(t, err)
		must(t, s.look(t.Context()))
		if len(r.kept()) != 0 {
			t.Error("kept")
		}
	})
}

// TestPasswordsStayOutOfTheLog: what lets us ask an authority stands in its address, and nowhere else.
func TestPasswordsStayOutOfTheLog(t *testing.T) {
	r := newRoom(t, newOffice(t))
	var log strings.Builder
	r.asking.Log = slog.New(slog.NewTextHandler(&log, nil))
	silent := httptest.NewServer(http.NotFoundHandler())
	address := strings.Replace(silent.URL, "http://", "http://fssp:secret@", 1) + "/tsp?token=secret"
	for name, away := range map[string]func(){"NotFound": func() {}, "NobodyThere": silent.Close} {
		away()
		r.asking.URL = address
		s, err := prepare(r.asking)
		must(t, err)
		r.ahead += 3 * time.Minute
		must(t, s.look(t.Context()))
		if text := log.String(); !strings.Contains(text, "/tsp") || strings.Contains(text, "secret") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestDamagedFolder: what cannot be read is told of each by itself, and a start goes on after the newest that holds.
func TestDamagedFolder(t *testing.T) {
	o := newOffice(t)
	r := newRoom(t, o)
	s, err := prepare(r.asking)
	must(t, err)
	must(t, s.look(t.Context()))
	in := func(name string) string { return filepath.Join(r.asking.Folder, name) }
	must(t, os.WriteFile(in(named(5)+".tst"), []byte("x"), 0o600)) // without its checkpoint
	must(t, os.WriteFile(in(named(6)+".tst"), []byte("x"), 0o600))
	must(t, os.WriteFile(in(named(6)+".note"), []byte("x"), 0o600))
	whole, err := os.ReadFile(in(named(1) + ".note"))
	must(t, err)
	must(t, os.WriteFile(in(named(7)+".tst"), []byte("x"), 0o600))
	must(t, os.WriteFile(in(named(7)+".note"), whole, 0o600)) // of another event
	must(t, os.WriteFile(in("strange.tst"), []byte("x"), 0o600))
	var bad []int64
	must(t, Each(r.asking.Folder, func(d Stamped) error {
		if d.Err != nil {
			bad = append(bad, d.Seq)
		}
		return nil
	}))
	if fmt.Sprint(bad) != "[5 6 7]" {
		t.Errorf("cannot be read: %v", bad)
	}
	if again, err := prepare(r.asking); err != nil || again.last != 1 {
		t.Errorf("a start goes on after event %d, %v", again.last, err)
	}
	if first, err := First(r.asking.Folder, r.asking.Authority, 1, 9); err != nil || first == nil || first.Seq != 1 || first.Signer == nil {
		t.Errorf("the first is %+v, %v", first, err)
	}
	if first, err := First(r.asking.Folder, r.asking.Authority, 2, 9); err != nil || first != nil {
		t.Errorf("after it there is %+v, %v", first, err)
	}
	must(t, Each(in("none"), func(Stamped) error { return errors.New("there is one") }))
}

func TestCheck(t *testing.T) {
	for url, ok := range map[string]bool{"http://tsa.example/tsp": true, "https://x": true, "ftp://x": false, "tsa": false, "http://": false} {
		c := Config{URL: url}
		if p := c.Check(); (len(p) == 0) != ok {
			t.Errorf("%s: %v", url, p)
		}
	}
}

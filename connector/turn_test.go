package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bankconnector/connector/install"
	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

// TestNextCertificateTakesOver announces a certificate of ours and lets its moment come: it is rehearsed at the start, it
// takes over without a restart, and while it cannot, the old one signs and the alarm is raised once.
func TestNextCertificateTakesOver(t *testing.T) {
	dir, config := stage(t, 1)
	in := func(name string) string { return filepath.Join(dir, "keys", name) }
	done(t, "keys", "new", "signing", "--algorithm", "gost512", "--name", "ФССП, следующий", "--out", in("next.key"))
	var clock atomic.Pointer[time.Time] // the keeper of checkpoints looks at it meanwhile
	begin := time.Now()
	clock.Store(&begin)
	now := func() time.Time { return *clock.Load() }
	from := begin.Add(2 * time.Hour).Truncate(time.Second)
	text, err := os.ReadFile(config)
	must(t, err)
	next := "  next:\n    from: " + from.UTC().Format(time.RFC3339) + "\n    certificate_file: keys/next.pem\n    key_file: keys/next.key\noffice:"
	must(t, os.WriteFile(config, []byte(strings.Replace(string(text), "office:", next, 1)), 0o600))
	must(t, os.Chmod(in("next.key"), 0o640)) // what nobody has noticed yet

	plan, err := install.Read(config)
	must(t, err)
	var log strings.Builder
	i, err := install.Open(t.Context(), plan, install.Options{Now: now, Log: slog.New(slog.NewTextHandler(&log, nil))})
	must(t, err)
	defer func() { must(t, i.Close()) }()
	if !strings.Contains(log.String(), "signing.next cannot sign") || !strings.Contains(log.String(), "chmod 600") {
		t.Errorf("the start did not warn:\n%s", log.String())
	}
	signs := func(name string) {
		t.Helper()
		text, err := os.ReadFile(in(name))
		must(t, err)
		list, err := pki.ReadCertificates(text)
		must(t, err)
		cert := list[0]
		sig, err := i.Courier.Signer.Sign(t.Context(), []byte("x"), now())
		must(t, err)
		policy := &cms.Policy{Signers: []cms.Pin{{Certificate: cert}}}
		if v := policy.Verify([]byte("x"), sig, now()); !v.Valid() || i.Courier.SignedBy != cert.Fingerprint() {
			t.Errorf("%s does not sign (%s), the journal would name %s", name, v.Code, i.Courier.SignedBy)
		}
	}
	turn := func(at time.Time) {
		clock.Store(&at)
		i.Turn(t.Context())
	}
	signs("signing.pem")
	turn(from.Add(-time.Second))
	signs("signing.pem")
	for n := range 3 {
		turn(from.Add(time.Duration(n) * 2 * time.Minute))
		signs("signing.pem")
	}
	must(t, os.Chmod(in("next.key"), 0o600))
	turn(from.Add(10 * time.Minute))
	signs("next.pem")
	turn(from.Add(20 * time.Minute))
	signs("next.pem")
	if rows := query(t, i.Book, `SELECT kind, count(*) FROM event WHERE kind IN ('alarm.signing', 'config.signer') GROUP BY kind ORDER BY kind`); len(rows) != 2 || rows[0] != "alarm.signing|1" || rows[1] != "config.signer|1" {
		t.Errorf("the journal says %q, want one alarm and one turn", rows)
	}
	must(t, i.Adopt(t.Context(), plan)) // a reload, or a restart, stays with it
	signs("next.pem")
	end := now().AddDate(1, 0, -1).Add(-time.Hour)
	clock.Store(&end)
	if _, err := i.Courier.Signer.Sign(t.Context(), []byte("x"), now().Add(3*time.Hour)); err == nil {
		t.Error("it signs within its own last day")
	}
}

package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"bankconnector/connector/daemon"
	"bankconnector/connector/install"
	"bankconnector/internal/testkit"
)

// TestReloadDuringAVisit: a visit that is under way when the configuration is loaded anew ends
// on the road and with the terms that it began with; the next one has the new.
func TestReloadDuringAVisit(t *testing.T) {
	clock := &shifted{}
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	serveAt(t, dir, 1, clock.now)
	path := filepath.Join(dir, "banks.d", onlyBank(t, dir)+".yaml")
	data, err := os.ReadFile(path)
	must(t, err)
	port := regexp.MustCompile(`port: ([0-9]+)`).FindStringSubmatch(string(data))
	first, second := testkit.StartRelay(t, "127.0.0.1:"+port[1], 0), testkit.StartRelay(t, "127.0.0.1:"+port[1], 0)
	profile := func(r *testkit.Relay, receipt string) {
		t.Helper()
		text := strings.Replace(string(data), port[0], fmt.Sprintf("port: %d", r.Port), 1)
		must(t, os.WriteFile(path, []byte(text+"deadlines:\n  receipt: "+receipt+"\n"), 0o640))
	}
	profile(first, "24h")
	first.Stall()
	done(t, "sample", "-c", config, "--documents", "1", "--seed", "3")
	plan, err := install.Read(config)
	must(t, err)
	log := slog.New(slog.DiscardHandler)
	in, err := install.Open(t.Context(), plan, install.Options{Now: clock.now, Log: log})
	must(t, err)
	ctx, stop := stoppable(t)
	ended, hup := make(chan error, 1), make(chan os.Signal, 1)
	go func() { ended <- daemon.New(in, daemon.Options{Now: clock.now, Log: log}).Run(ctx, t.Context(), hup) }()
	b := book(t, dir)
	count := func(text string) string { return query(t, b, `SELECT count(*) FROM `+text)[0] }
	until := func(ok func() bool) {
		t.Helper()
		waitFor(t, func() bool {
			if ok() {
				return true
			}
			clock.by.Add(int64(time.Second))
			return false
		})
	}
	until(func() bool { return first.Seen() > 0 })
	seen := first.Seen()
	profile(second, "48h")
	hup <- syscall.SIGHUP
	waitFor(t, func() bool { return count(`event WHERE kind = 'config.loaded'`) == "2" })
	if n := count(`visits WHERE ended_at IS NULL`); n != "1" {
		t.Fatalf("%s visits are under way, want the one before the reload", n)
	}
	first.Resume()
	waitFor(t, func() bool { return count(`visits WHERE outcome = 'ok' AND sent = 1`) == "1" })
	// An hour is less than the difference of the terms, whatever the clock did meanwhile.
	const terms = `SELECT CAST(round((julianday(json_extract(body, '$.due_at')) - julianday(at)) * 24) AS INTEGER) FROM event
		WHERE kind = 'exchange.delivered' AND json_extract(body, '$.class') = 'office' ORDER BY seq`
	if got := query(t, b, terms); len(got) != 1 || got[0] != "24" {
		t.Errorf("the visit that began before the reload has the term %v, want 24 h", got)
	}
	done(t, "sample", "-c", config, "--documents", "1", "--seed", "4")
	until(func() bool { return len(query(t, b, terms)) == 2 })
	if got := query(t, b, terms)[1]; got != "48" {
		t.Errorf("the next visit has the term %s, want 48 h", got)
	}
	if first.Seen() != seen || second.Seen() == 0 {
		t.Errorf("the old road carried %d connections after the reload, the new one %d", first.Seen()-seen, second.Seen())
	}
	stop()
	must(t, <-ended)
	must(t, in.Close())
	done(t, "journal", "verify", "-c", config)
}

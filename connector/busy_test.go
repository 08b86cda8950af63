package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/daemon"
	"bankconnector/connector/flow"
	"bankconnector/connector/install"
	"bankconnector/internal/testkit"
)

// heard is a log that knows whether something was said.
type heard struct {
	text string
	said atomic.Bool
}

func (h *heard) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(h.text)) {
		h.said.Store(true)
	}
	return len(line), nil
}

// TestSlotThatWasTurnedAway: a slot finds its bank at work on something else and is turned away. It is not left to the next
// slot, an hour later, but made up for after the shortest pause.
func TestSlotThatWasTurnedAway(t *testing.T) {
	clock := &shifted{}
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	serveAt(t, dir, 1, clock.now)
	bic := onlyBank(t, dir)
	path := filepath.Join(dir, "banks.d", bic+".yaml")
	edit(t, path, "every: 1m", "every: 1h")
	data, err := os.ReadFile(path)
	must(t, err)
	port := regexp.MustCompile(`port: ([0-9]+)`).FindStringSubmatch(string(data))
	relay := testkit.StartRelay(t, "127.0.0.1:"+port[1], 0)
	edit(t, path, port[0], fmt.Sprintf("port: %d", relay.Port))
	relay.Stall()
	done(t, "sample", "-c", config, "--documents", "1", "--seed", "3")
	plan, err := install.Read(config)
	must(t, err)
	log := &heard{text: flow.ErrBusy.Error()}
	in, err := install.Open(t.Context(), plan, install.Options{Now: clock.now, Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	b, _ := in.Registry.Bank(banks.ID(bic))
	other := make(chan flow.Outcome, 1)
	go func() { other <- in.Courier.Visit(t.Context(), b, flow.Slot{}) }()
	waitFor(t, func() bool { return relay.Seen() > 0 })

	ctx, stop := stoppable(t)
	ended := make(chan error, 1)
	d := daemon.New(in, daemon.Options{Now: clock.now, Log: slog.New(slog.NewTextHandler(log, nil))})
	go func() { ended <- d.Run(ctx, t.Context(), nil) }()
	full := clock.now().Truncate(time.Hour).Add(time.Hour + 25*time.Second) // the slot and what its visits are spread over
	clock.by.Add(int64(full.Sub(clock.now())))
	waitFor(t, log.said.Load)
	relay.Resume()
	if out := <-other; out.Err != nil {
		t.Fatalf("the visit that was under way: %v", out.Err)
	}
	clock.by.Add(int64(time.Minute))
	journal := book(t, dir)
	waitFor(t, func() bool {
		return len(query(t, journal, `SELECT id FROM visits WHERE slot <> '' AND outcome = 'ok'`)) == 1
	})
	stop()
	must(t, <-ended)
	must(t, in.Close())
}

// Package dated has a time stamping authority (RFC 3161) put its time on checkpoints, and keeps each with its token in a
// folder: N.note the checkpoint, N.tst the token, which openssl ts -verify checks without this program.
//
// A time stamp that cannot be had holds nothing up: it is told in the log at once, and in the journal when its term is
// over. Whoever may not trust this machine's clock or its owner has the time from somebody else. It decides about no
// document; it may call journal, note, stamp, durable, and banks for its configuration.
package dated

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"os"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/evidence/note"
	"bankconnector/connector/journal"
	"bankconnector/crypto/pki"
	"bankconnector/crypto/stamp"
)

const (
	patience = 30 * time.Second // for one answer, whole
	farewell = 2 * time.Second  // for one that is under way when the program ends
	retry    = 12               // tries in the time from one stamp to the next, after one that failed
	// Terms is how many times Every may pass without a time stamp before the journal is told.
	Terms = 2
)

// Config is whom to ask, and how often. The meaning of every key stands in config.example.yaml.
type Config struct {
	URL          string        `yaml:"url" jsonschema:"required,maxLength=2000"`
	Certificates []string      `yaml:"certificates" jsonschema:"required,minItems=1,maxItems=32" resolve:"path"`
	Policy       string        `yaml:"policy,omitempty" jsonschema:"maxLength=200"`
	Every        time.Duration `yaml:"every,omitempty" jsonschema:"default=1h,minimum=1m,maximum=168h"`
}

// Check refuses an address that cannot be asked.
func (c *Config) Check() banks.Problems {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return banks.Problems{{Path: "url", Text: "must be http://HOST/… or https://HOST/…"}}
	}
	return nil
}

// Authority reads the certificates under which time stamps are accepted; nobody asks who has no configuration.
func (c *Config) Authority() (*stamp.Authority, error) {
	if c == nil {
		return nil, nil
	}
	a := &stamp.Authority{Policy: c.Policy}
	for _, path := range c.Certificates {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("time stamps: %w", err)
		}
		list, err := pki.ReadCertificates(data)
		if err != nil {
			return nil, fmt.Errorf("time stamps: %s: %w", path, err)
		}
		a.Certificates = append(a.Certificates, list...)
	}
	return a, a.Check()
}

// Asking is what a Stamper works with.
type Asking struct {
	URL       string
	Every     time.Duration
	Authority *stamp.Authority
	Folder    string        // of checkpoints and tokens
	File      string        // of checkpoints; the newest in it is stamped, so that every way that knows it knows what is stamped
	Book      *journal.Book // is told when no time stamp can be had, and when there is one again
	Now       func() time.Time
	Log       *slog.Logger
	Patience  time.Duration // for one answer; 0 = 30 s
}

// Stamper asks for a time stamp of the newest checkpoint again and again.
type Stamper struct {
	Asking
	client *http.Client
	since  time.Time // of the newest stamp, or since when there should be one
	next   time.Time // when to ask again
	last   int64     // event of the newest stamp
	alarm  bool      // the journal knows that none can be had
	halt   chan struct{}
	stop   context.CancelFunc
	done   chan struct{}
}

// Start goes on after the newest token of the folder. Close it before the journal.
func Start(ctx context.Context, a Asking) (*Stamper, error) {
	s, err := prepare(a)
	if err != nil {
		return nil, err
	}
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.halt, s.stop, s.done = make(chan struct{}), stop, make(chan struct{})
	go s.run(work)
	return s, nil
}

func prepare(a Asking) (*Stamper, error) {
	if a.Patience == 0 {
		a.Patience = patience
	}
	s := &Stamper{Asking: a, since: a.Now()}
	s.next = s.since
	s.client = &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("it sends us elsewhere") },
	}
	began, err := open(a.Folder)
	if err != nil {
		return nil, err
	}
	t, seq, err := newest(a.Folder, a.Authority)
	if t != nil {
		began, s.last, s.next = t.Time, seq, t.Time.Add(a.Every)
	}
	if began.Before(s.since) {
		s.since = began
	}
	return s, err
}

// Close ends the asking. An answer that is under way is waited for a moment, so that a program which runs for seconds
// gets its time stamps too.
func (s *Stamper) Close() error {
	close(s.halt)
	enough := time.AfterFunc(min(farewell, s.Patience), s.stop)
	<-s.done
	enough.Stop()
	s.stop()
	return nil
}

func (s *Stamper) run(ctx context.Context) {
	defer close(s.done)
	for {
		wait := time.NewTimer(max(0, s.next.Sub(s.Now())))
		select {
		case <-s.halt:
			wait.Stop()
			return
		case <-wait.C:
		}
		if err := s.look(ctx); err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "time stamps of checkpoints", slog.Any("err", err))
		}
	}
}

// idle is how soon it is looked again for something to stamp.
const idle = time.Minute

// look has the newest checkpoint stamped if that is due. The error is the journal's or the disk's.
func (s *Stamper) look(ctx context.Context) error {
	now := s.Now()
	if now.Before(s.next) {
		return nil
	}
	s.next = now.Add(time.Second) // after an error of our own it is not tried in a circle
	head, ok, err := note.Last(s.File)
	if err != nil {
		return err
	}
	if !ok || head.Seq == s.last { // nothing was written since
		s.since, s.next = now, now.Add(min(s.Every, idle))
		return nil
	}
	t, cause := s.ask(ctx, head)
	if cause != nil {
		return s.fail(ctx, now, cause)
	}
	if err := keep(s.Folder, head, t.Raw); err != nil {
		return err
	}
	s.since, s.next, s.last = now, now.Add(s.Every), head.Seq
	if !s.alarm {
		return nil
	}
	s.alarm = false
	s.Log.InfoContext(ctx, "checkpoints are stamped again")
	return s.tell(ctx, "note.timestamp", "checkpoints get time stamps again")
}

// fail tells that there is no time stamp, and when one was due for too long writes it into the journal, once.
func (s *Stamper) fail(ctx context.Context, now time.Time, cause error) error {
	s.next = now.Add(max(s.Every/retry, time.Minute))
	if ctx.Err() != nil {
		return nil
	}
	s.Log.WarnContext(ctx, "no time stamp of a checkpoint", slog.String("url", shown(s.URL)), slog.Any("err", bare(cause)))
	if s.alarm || now.Sub(s.since) < Terms*s.Every {
		return nil
	}
	s.alarm = true
	s.Log.ErrorContext(ctx, "ALARM: no time stamps can be had; sending goes on", slog.Time("since", s.since), slog.Any("err", bare(cause)))
	return s.tell(ctx, "alarm.timestamp", "checkpoints get no time stamps")
}

// shown is an address without the password and the questions in it, which let others ask in our name.
func shown(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host + u.Path
}

// bare is an error without the address that was asked.
func bare(err error) error {
	if u := new(url.Error); errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (s *Stamper) tell(ctx context.Context, kind, reason string) error {
	return s.Book.Write(ctx, "bankconnector", func(tx *journal.Tx) error {
		return tx.Note(kind, "", 0, struct {
			Reason string    `json:"reason"`
			Since  time.Time `json:"since"`
		}{reason, s.since.UTC()})
	})
}

// ask has one checkpoint stamped; what the authority may send, and how long it may take, is bounded.
func (s *Stamper) ask(ctx context.Context, n note.Signed) (*stamp.Token, error) {
	request, err := s.Authority.Ask([]byte(n.Raw), rand.Reader)
	if err != nil {
		return nil, err
	}
	query, err := request.Marshal()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(query))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/timestamp-query")
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); answer.StatusCode != http.StatusOK || kind != "application/timestamp-reply" {
		return nil, fmt.Errorf("the authority answers %d, %.100q", answer.StatusCode, answer.Header.Get("Content-Type"))
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, stamp.MaxAnswer+1))
	if err != nil {
		return nil, err
	}
	return request.Answer(body, s.Now())
}

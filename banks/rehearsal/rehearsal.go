// Package rehearsal is a bank to practise with. It runs any number of simulated
// banks inside one process: for each a real SSH server with an SFTP subsystem over
// real files, and a back office that takes the connector's envelopes, checks them as
// a careful bank would, keeps a ledger of what really arrived, and answers with
// signed receipts, reports and answers.
//
// All state is on disk, so a process killed at any moment leaves a bank that goes on
// after the next Start: every arrived file gets one ledger line and one set of
// replies. Only the loss of power is not provided for beyond the ledgers, which are
// synced.
//
// It judges our signature, not the bailiff's: the original and its signature are
// compared with the document and kept, since a bank pins the bailiffs' certificates
// by means of its own. It makes no keys. It may call formats, envelope and cms, and
// knows neither the connector nor the profiles of banks.
//
// Layout under Config.Dir, for each bank banks/BIC:
//
//	port             where it listens, kept for the next start
//	root/to-bank     the connector writes here
//	root/from-bank   the bank writes here
//	archive/N_NAME   every file that was taken, N counts arrivals
//	outbox/          replies sealed and not yet visible
//	sent/            a copy of every reply
//	received.jsonl   ledger of orders and queries, a line each
//	receipts.jsonl   ledger of receipts on the bank's documents
//	sent.jsonl       ledger of replies, gives the bank's own sequence numbers
package rehearsal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"bankconnector/banks/rehearsal/host"
	"bankconnector/banks/rehearsal/letter"
	"bankconnector/banks/rehearsal/turns"
	"bankconnector/crypto/cms"
	"bankconnector/formats"
)

// Config is what all banks of one rehearsal share.
type Config struct {
	Dir          string           // holds banks/; one rehearsal at a time
	Seed         int64            // draws the answers, together with each document's key
	Now          func() time.Time // the clock, in the zone whose calendar dates the documents
	Log          *slog.Logger     // nil = silent
	Listen       string           // address to listen on, "" = 127.0.0.1
	ReplyDelay   time.Duration    // from the arrival of a document to its report or answer
	FinalReports bool             // never "executed in part": the first report is the last
	Stranger     *cms.Signer      // signs for the quirk wrong-signer; nil = another bank of the rehearsal

	hook  func(bic, step string) error // tests end the world here
	delay time.Duration                // of the quirks that are late, 0 = lateness
}

func (c *Config) late() time.Duration { return cmp.Or(c.delay, lateness) }

// Bank is one bank as the caller made it: identity, keys and habits.
type Bank struct {
	Sample     formats.SampleBank
	HostKey    ssh.Signer
	Authorized []ssh.PublicKey // keys that may log in
	User       string
	Password   string      // "" = login by key only
	Signer     *cms.Signer // signs the bank's replies
	Verify     cms.Policy  // pins the certificate of the service
	Port       int         // 0 = the port of the last start, or any free one
	Quirks     []Quirk
}

// Rehearsal is a set of running banks.
type Rehearsal struct {
	lock    *os.File
	queue   *turns.Queue
	servers map[string]*host.Server
	offices []*office
	stop    context.CancelFunc
	unhook  func() bool
	wait    sync.WaitGroup
	once    sync.Once
	err     error
}

// bicPattern also keeps a bank inside its folder.
var bicPattern = regexp.MustCompile(`^[0-9]{9}$`)

// Start brings all banks up; they serve when it returns, and banks is theirs from then
// on. The end of ctx stops them as Close does, only without waiting.
func Start(ctx context.Context, c Config, banks []Bank) (*Rehearsal, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1"
	}
	if err := os.MkdirAll(c.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("start rehearsal: %w", err)
	}
	lock, err := lockFolder(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("start rehearsal: %w", err)
	}
	parent := ctx
	ctx, stop := context.WithCancel(parent)
	r := &Rehearsal{lock: lock, queue: turns.NewQueue(2 * runtime.GOMAXPROCS(0)), servers: map[string]*host.Server{}, stop: stop}
	for i := range banks {
		if err := r.open(ctx, &c, banks, i); err != nil {
			return nil, errors.Join(fmt.Errorf("start rehearsal: bank %q: %w", banks[i].Sample.BIC, err), r.Close())
		}
	}
	for _, o := range r.offices {
		o.Wake()
		r.wait.Go(func() { o.run(ctx) })
	}
	for _, s := range r.servers {
		s.Serve()
	}
	started := make(chan struct{}) // the hook may fire at once, and Close reads unhook
	defer close(started)
	r.unhook = context.AfterFunc(parent, func() {
		<-started
		_ = r.Close()
	})
	return r, nil
}

// open prepares one bank: its folders, its ledgers, its listener.
func (r *Rehearsal) open(ctx context.Context, c *Config, banks []Bank, i int) error {
	b := &banks[i]
	if !bicPattern.MatchString(b.Sample.BIC) || r.servers[b.Sample.BIC] != nil {
		return errors.New("the BIC must be nine digits, once")
	}
	if b.Signer == nil {
		return errors.New("needs a signer")
	}
	h, err := newHabits(b.Quirks)
	if err != nil {
		return err
	}
	dir := filepath.Join(c.Dir, "banks", b.Sample.BIC)
	for _, name := range []string{"archive", "outbox", "sent", "root/" + host.ToBank, "root/" + host.FromBank} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o750); err != nil {
			return err
		}
	}
	o := &office{Worker: r.queue.Worker(), config: c, bank: b, habits: h, dir: dir, reader: letter.Reader{BIC: b.Sample.BIC, Policy: &b.Verify}}
	if err := o.neighbours(banks, i); err != nil {
		return err
	}
	if err := o.load(); err != nil {
		return err
	}
	r.offices = append(r.offices, o)
	s, err := host.Open(ctx, host.Options{
		Name: b.Sample.BIC, Dir: dir, HostKey: b.HostKey, Authorized: b.Authorized, User: b.User, Password: b.Password,
		Listen: c.Listen, Port: b.Port, Habits: h.server(), Watch: o, Log: c.Log,
	})
	if err != nil {
		return err
	}
	r.servers[b.Sample.BIC] = s
	return nil
}

// lockFolder makes sure that no second rehearsal works on the same files. The lock
// is on the folder itself, so that nobody can remove it, and dies with the process.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another rehearsal works in %s, stop it first: %w", dir, err), f.Close())
	}
	return f, nil
}

// Addr returns host:port of a bank, "" if there is no such bank.
func (r *Rehearsal) Addr(bic string) string {
	if s := r.servers[bic]; s != nil {
		return s.Addr()
	}
	return ""
}

// Idle waits until no document is being worked on: every file that arrived is in its
// ledger and all its replies are in from-bank, delayed ones too. It returns what went
// wrong in the back offices, or the error of ctx.
func (r *Rehearsal) Idle(ctx context.Context) error {
	if err := r.queue.Idle(ctx); err != nil {
		return fmt.Errorf("wait for the rehearsal banks: %w", err)
	}
	var errs []error
	for _, o := range r.offices {
		errs = append(errs, o.failure())
	}
	return errors.Join(errs...)
}

// Close stops listening, cuts the connections, lets each back office finish the step
// it is at, and frees the folder. What was not answered is answered after the next Start.
func (r *Rehearsal) Close() error {
	r.once.Do(func() {
		if r.stop(); r.unhook != nil {
			r.unhook()
		}
		var errs []error
		for _, s := range r.servers {
			errs = append(errs, s.Close())
		}
		r.wait.Wait()
		for _, o := range r.offices {
			errs = append(errs, o.close())
		}
		r.err = errors.Join(append(errs, r.lock.Close())...)
	})
	return r.err
}

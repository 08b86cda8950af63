package mailbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"path"
	"strings"
	"time"

	"bankconnector/banks"
	"bankconnector/banks/mailbox/advice"
	"bankconnector/banks/mailbox/line"
	"bankconnector/banks/mailbox/wire"
)

const clockTolerance = 5 * time.Minute

// Text is one sentence in the two languages of the program.
type Text = advice.Text

// Step is one thing that must work for an exchange with a bank: what should be, what was found, and
// for a step that failed what to do. A step that was not reached is Skipped.
type Step struct {
	Name     string        `json:"name"`
	OK       bool          `json:"ok"`
	Skipped  bool          `json:"skipped,omitempty"`
	Expected string        `json:"expected"`
	Actual   string        `json:"actual"`
	Fix      Text          `json:"fix"`
	Duration time.Duration `json:"duration"`
}

// Check goes the whole road to a bank once, step by step: name, connection, greeting, algorithms, host
// key, login, folders, then a canary file that is put, renamed, read and removed under a name that no
// bank takes for a document (`.bankconnector-check-<token>.part`), and the server's clock. The first
// failure ends it: the steps behind it are Skipped, but the canary is removed if it can be.
func Check(ctx context.Context, d *Dialer, b *banks.Bank) []Step {
	c := &checkup{dialer: d}
	r, err := newRoute(b)
	if err != nil {
		c.run("profile", "host, user, host_keys and folders", Text{
			RU: "Исправьте файл банка: " + b.File,
			EN: "Correct the bank's file: " + b.File,
		}, func() (string, error) { return "", err })
		return c.steps
	}
	c.route = r
	name := ".bankconnector-check-" + rand.Text() + "-" + strings.Repeat("long", 13) // as long as the temporary name of any document
	c.canary, c.moved = path.Join(r.temp, name+".part"), path.Join(r.toBank, name+"-moved.part")
	c.resolve(ctx)
	c.connect(ctx)
	if c.session != nil {
		defer c.session.Close()
	}
	c.folders(ctx)
	c.exchange(ctx)
	return c.steps
}

// checkup is a check under way.
type checkup struct {
	dialer        *Dialer
	route         *route
	session       *Session
	canary, moved string // paths at the bank
	steps         []Step
	failed        bool
}

// run tries one step unless an earlier one failed.
func (c *checkup) run(name, expected string, fix Text, try func() (string, error)) {
	step := Step{Name: name, Expected: expected}
	if c.failed {
		step.Skipped, step.Actual = true, "not reached"
		c.steps = append(c.steps, step)
		return
	}
	began := c.dialer.Now()
	actual, err := try()
	step.OK, step.Actual, step.Duration = err == nil, actual, c.dialer.Now().Sub(began)
	if err != nil {
		c.failed, step.Fix = true, fix
		step.Actual = strings.TrimSpace(actual + " " + err.Error())
	}
	c.steps = append(c.steps, step)
}

func (c *checkup) resolve(ctx context.Context) {
	host := c.route.bank.SFTP.Host
	c.run("dns", "an address for "+host, Text{
		RU: "Имя узла не разрешается в адрес. Проверьте sftp.host и DNS этой машины: getent hosts " + host,
		EN: "The host name has no address. Check sftp.host and this machine's DNS: getent hosts " + host,
	}, func() (string, error) {
		addrs, err := net.DefaultResolver.LookupHost(ctx, host)
		return strings.Join(addrs, ", "), err
	})
}

// connect dials once and tells from the trail how far that came.
func (c *checkup) connect(ctx context.Context) {
	var t line.Trail
	var err error
	began := c.dialer.Now()
	if !c.failed {
		c.session, err = c.dialer.dial(ctx, c.route, &t)
	}
	took := c.dialer.Now().Sub(began)
	for _, step := range t.Steps(c.dialer.config(c.route), c.session != nil) {
		c.run(step.Name, step.Expected, Text{RU: step.RU, EN: step.EN}, func() (string, error) {
			if step.Done {
				return step.Actual, nil
			}
			return step.Actual, err
		})
	}
	if c.session != nil {
		c.steps[len(c.steps)-1].Duration = took
	}
}

// folders lists both folders, but a drop box, which cannot be.
func (c *checkup) folders(ctx context.Context) {
	for _, pair := range [][2]string{{"folder to_bank", c.route.toBank}, {"folder from_bank", c.route.fromBank}} {
		folder := pair[1]
		if c.route.mode == modeBlind && folder == c.route.toBank {
			continue
		}
		c.run(pair[0], folder+" can be listed", advice.Rights(c.route.toBank, c.route.fromBank), func() (string, error) {
			var items []wire.Item
			err := c.session.do(ctx, "list", folder, func() (err error) {
				items, _, err = c.session.readdir(ctx, folder)
				return err
			})
			return fmt.Sprintf("%d names", len(items)), err
		})
	}
}

// exchange sends the canary the way of a document.
func (c *checkup) exchange(ctx context.Context) {
	body := []byte("bankconnector check\n")
	s, renames := c.session, c.route.mode != modeMarker && !c.route.atOnce()
	act := func(said string, f func() error) func() (string, error) {
		return func() (string, error) {
			err := s.do(ctx, "check", c.canary, f)
			if err != nil {
				said = ""
			}
			return said, err
		}
	}
	if c.route.mode == modeBlind {
		c.run("drop box", "documents can be left in "+c.route.toBank, Text{}, func() (string, error) {
			return "not tried: a file left there could not be taken back; the bank's first receipt will prove it", nil
		})
		return
	}
	var put time.Time
	c.run("canary put", path.Base(c.canary)+" is written and reads back the same", advice.Rights(c.route.toBank, c.route.fromBank), act("written and read back", func() error {
		put = c.dialer.Now()
		return s.put("check", c.canary, body, false, func() {})
	}))
	c.run("canary name", "the folder shows the file under the name that it was given", advice.Names(), act("shown as it was sent", func() error {
		_, err := s.named(ctx, "check", c.canary)
		return err
	}))
	c.run("canary rename", "the file gets its other name and the old one is gone", advice.Rename(), act("renamed", func() error {
		if !renames {
			c.moved = c.canary
			return nil
		}
		return c.rename()
	}))
	var seen *Entry
	c.run("canary read", "it is there and reads back the same", advice.Rights(c.route.toBank, c.route.fromBank), act("read", func() (err error) {
		if seen, err = s.glance("check", c.moved); err != nil || seen == nil {
			return errors.Join(err, ErrGone)
		}
		return s.prove("check", c.moved, body)
	}))
	failed := c.failed
	c.failed = s == nil // a canary that a failed step left is removed all the same
	c.run("canary delete", "the file can be removed", advice.Remove(path.Base(c.moved)), act("removed", func() error {
		return errors.Join(s.remove(c.canary), s.remove(c.moved))
	}))
	c.failed = failed || c.failed
	c.run("clock", "the bank's clock is within "+clockTolerance.String()+" of ours", advice.Clock(), func() (string, error) {
		skew := seen.ModTime.Sub(put).Round(time.Second)
		if skew.Abs() > clockTolerance {
			return "", fmt.Errorf("the bank's clock differs by %v", skew)
		}
		return "differs by " + skew.String(), nil
	})
}

// rename moves the canary as a document would be, and looks whether that is true.
func (c *checkup) rename() error {
	move, err := c.session.mover("check")
	if err != nil {
		return err
	}
	return c.session.moved(move, c.canary, c.moved)
}

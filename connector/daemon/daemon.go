// Package daemon is the program's life under systemd: a tick a second that looks which
// slots of which bank are due, the office's folders, the reload of the configuration,
// the watchdog.
//
// What a visit does is flow's; when a bank is visited is schedule's; this room only
// brings them together. It may call install, flow, banks and schedule.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"bankconnector/banks"
	"bankconnector/connector/flow"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/install"
)

// Options are what a daemon takes from outside.
type Options struct {
	Now func() time.Time
	Log *slog.Logger
}

// New makes a daemon for an open installation.
func New(in *install.Installation, o Options) *Daemon {
	return &Daemon{in: in, o: o, since: o.Now(), state: make(map[banks.ID]*pause), failed: make(chan error, 1)}
}

// Run lives until ctx ends, then begins nothing new and waits for the visits under way,
// which work allows to finish. A signal on hup loads the configuration anew, at most once a
// second. The error is the failure that must end the process, such as a broken journal.
func (d *Daemon) Run(ctx, work context.Context, hup <-chan os.Signal) error {
	d.notify(sd.SdNotifyReady)
	if behind := d.in.Behind(); behind != nil {
		d.notify(d.status(nil))
	}
	err := d.loop(ctx, work, hup)
	d.notify(sd.SdNotifyStopping)
	d.visits.Wait()
	return err
}

// notify tells systemd; without it there is nobody to tell.
func (d *Daemon) notify(state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		d.o.Log.Warn("notify systemd", slog.Any("err", err))
	}
}

// Daemon visits the banks of an installation by their timetables.
type Daemon struct {
	in     *install.Installation
	o      Options
	since  time.Time
	visits sync.WaitGroup
	failed chan error // the failure that must end the process

	receiving atomic.Bool // the office's documents are being taken in
	aging     atomic.Bool // what time asks for is being done
	aged      time.Time   // when that was begun last

	mu    sync.Mutex
	state map[banks.ID]*pause
}

const (
	tick   = time.Second
	ageing = time.Hour
)

// loop looks at the wall clock every second: a clock that is set, a machine that slept
// and a changed zone are then nothing special.
func (d *Daemon) loop(ctx, work context.Context, hup <-chan os.Signal) error {
	beat := time.NewTicker(tick)
	defer beat.Stop()
	office := time.NewTicker(d.in.Config.Office.Poll)
	defer office.Stop()
	watchdog, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		d.o.Log.WarnContext(ctx, "read watchdog interval", slog.Any("err", err))
	}
	reload := false
	for last := d.o.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case err := <-d.failed:
			return err
		case <-hup:
			reload = true // with the next beat: however many came since the last one, they are one
		case <-office.C:
			d.receive(work)
		case <-beat.C:
			if reload {
				reload = false
				d.reload(work)
			}
			d.dispatch(work)
			d.age(ctx)
		}
		if now := d.o.Now(); watchdog > 0 && now.Sub(last) >= watchdog/3 {
			if _, _, err := d.in.Book.Head(work); err != nil {
				return fmt.Errorf("watchdog: %w", err)
			}
			d.notify(sd.SdNotifyWatchdog)
			last = now
		}
	}
}

// reload puts a new configuration in force, or keeps the old one and says why.
func (d *Daemon) reload(ctx context.Context) {
	d.notify(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", sd.SdNotifyReloading, monotonic()))
	plan, err := install.Read(d.in.Path)
	if err == nil {
		err = d.in.Adopt(ctx, plan)
	}
	if err != nil {
		d.o.Log.ErrorContext(ctx, "reload refused, the old configuration stays in force", slog.Any("err", err))
	} else {
		d.again()
		d.o.Log.InfoContext(ctx, "configuration reloaded", slog.Any("banks", len(plan.Registry.All())))
	}
	d.notify(sd.SdNotifyReady + "\n" + d.status(err))
}

// status is what systemctl status shows after a reload that ended so: what is wrong, or nothing.
func (d *Daemon) status(reload error) string {
	var wrong []string
	if behind := d.in.Behind(); behind != nil {
		wrong = append(wrong, behind.Error())
	}
	if reload != nil {
		wrong = append(wrong, "reload refused, the old configuration stays in force; the log says why")
	}
	return "STATUS=" + strings.Join(wrong, "; ")
}

// monotonic is CLOCK_MONOTONIC in microseconds, which systemd compares with its own.
func monotonic() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0
	}
	return t.Nano() / 1000
}

// receive lets what the office left be taken in, beside the visits; a backlog of it must
// not keep them from beginning. Our next certificate takes over here, too.
func (d *Daemon) receive(ctx context.Context) {
	d.in.Turn(ctx)
	if !d.receiving.CompareAndSwap(false, true) {
		return
	}
	courier, list := d.in.Courier, d.in.Registry.All() // a reload puts others in their place
	d.visits.Go(func() {
		defer d.receiving.Store(false)
		d.accept(ctx, courier, list)
	})
}

// age lets the rules about old months be followed, once an hour, beside the visits. It ends
// with the daemon at once: whatever it stopped at, the next start goes on.
func (d *Daemon) age(ctx context.Context) {
	now := d.o.Now()
	if now.Sub(d.aged).Abs() < ageing || !d.aging.CompareAndSwap(false, true) {
		return
	}
	d.aged = now
	d.visits.Go(func() {
		defer d.aging.Store(false)
		if err := d.in.Age(ctx); err != nil {
			d.failure("", err)
		}
	})
}

// accept takes in what the office left, so that a bad document is answered at once, and
// raises the alarm for passed deadlines.
func (d *Daemon) accept(ctx context.Context, courier *flow.Courier, list []*banks.Bank) {
	for _, b := range list {
		if err := courier.Accept(ctx, b); err != nil {
			d.failure(b.BIC, err)
		}
	}
	if err := courier.Sweep(ctx); err != nil {
		d.failure("", err)
	}
}

// failure logs what went wrong; a broken journal or disk ends the process.
func (d *Daemon) failure(id banks.ID, err error) {
	d.o.Log.Error("exchange", slog.Any("bank", id), slog.Any("err", err))
	var f *fate.Failure
	if errors.As(err, &f) && f.Kind == fate.Broken {
		select {
		case d.failed <- err:
		default: // one is enough to end
		}
	}
}

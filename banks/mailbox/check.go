package mailbox

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"path"
	"strings"
	"time"

	"bankconnector/banks"
)

const clockTolerance = 5 * time.Minute

// Text is one sentence in the two languages of the program.
type Text struct {
	RU string `json:"ru"`
	EN string `json:"en"`
}

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

// checkup is a check under way.
type checkup struct {
	dialer  *Dialer
	route   *route
	trail   trail
	session *Session
	began   time.Time
	steps   []Step
	failed  bool

	canary, moved string // names at the bank
	stamp         time.Time
	before        time.Time
}

// stage is one step before it is tried.
type stage struct {
	name     string
	expected string
	try      func(ctx context.Context) (string, error)
	fix      Text
}

// Check goes the whole road to a bank once, step by step: name, connection, greeting, algorithms, host
// key, login, folders, then a canary file that is put, renamed, read and removed under a name that no
// bank takes for a document (`.bankconnector-check-<token>.part`), and the server's clock. The first
// failure ends it: the steps behind it are Skipped. It needs no exchange to stand still.
func Check(ctx context.Context, d *Dialer, b *banks.Bank) []Step {
	c := &checkup{dialer: d, began: d.Now()}
	r, err := newRoute(b)
	if err != nil {
		c.add(stage{name: "profile", expected: "host, user, host_keys and folders", fix: Text{
			RU: "Исправьте файл банка: " + b.File,
			EN: "Correct the bank's file: " + b.File,
		}}, "", err)
		return c.steps
	}
	c.route = r
	token := make([]byte, 16)
	_, _ = rand.Read(token) // never fails (crypto/rand)
	c.canary = path.Join(r.temp, ".bankconnector-check-"+hex.EncodeToString(token)+".part")
	c.moved = path.Join(r.toBank, ".bankconnector-check-"+hex.EncodeToString(token)+"-2.part")
	c.run(ctx, c.resolving())
	c.connecting(ctx)
	for _, s := range c.exchanging() {
		c.run(ctx, s)
	}
	if c.session != nil {
		_ = c.session.Close()
	}
	return c.steps
}

// run tries one stage unless an earlier one failed.
func (c *checkup) run(ctx context.Context, s stage) {
	if c.failed {
		c.steps = append(c.steps, Step{Name: s.name, Skipped: true, Expected: s.expected, Actual: "not reached"})
		return
	}
	c.began = c.dialer.Now()
	actual, err := s.try(ctx)
	c.add(s, actual, err)
}

// add records how a stage ended.
func (c *checkup) add(s stage, actual string, err error) {
	step := Step{Name: s.name, OK: err == nil, Expected: s.expected, Actual: actual, Duration: c.dialer.Now().Sub(c.began)}
	if err != nil {
		c.failed = true
		step.Actual = cut(strings.TrimSpace(actual + " " + err.Error()))
		step.Fix = s.fix
	}
	c.steps = append(c.steps, step)
}

func (c *checkup) resolving() stage {
	host := c.route.bank.SFTP.Host
	return stage{
		name: "dns", expected: "an address for " + host,
		try: func(ctx context.Context) (string, error) {
			if net.ParseIP(host) != nil {
				return host, nil
			}
			addrs, err := net.DefaultResolver.LookupHost(ctx, host)
			return strings.Join(addrs, ", "), err
		},
		fix: Text{
			RU: "Имя узла не разрешается в адрес. Проверьте sftp.host и DNS этой машины (getent hosts " + host + "); если банк дал IP-адрес, впишите его.",
			EN: "The host name has no address. Check sftp.host and this machine's DNS (getent hosts " + host + "); if the bank gave an IP address, write that.",
		},
	}
}

// connecting dials once and tells from the trail how far that came.
func (c *checkup) connecting(ctx context.Context) {
	stages := c.handshake()
	if c.failed {
		for _, s := range stages {
			c.run(ctx, s)
		}
		return
	}
	c.began = c.dialer.Now()
	session, err := c.dialer.dial(ctx, c.route, &c.trail)
	c.session = session
	reached := c.reached(err == nil)
	for i, s := range stages {
		switch {
		case i < reached:
			actual, _ := s.try(ctx)
			c.add(s, actual, nil)
		case i == reached:
			actual, _ := s.try(ctx)
			c.add(s, actual, err)
		default:
			c.run(ctx, s)
		}
	}
}

// reached is the number of handshake stages that succeeded.
func (c *checkup) reached(done bool) int {
	t := &c.trail
	switch {
	case done:
		return 6
	case t.inside:
		return 5
	case t.trusted:
		return 4
	case t.kex:
		return 3
	case strings.HasPrefix(t.banner, "SSH-2.0-") || strings.HasPrefix(t.banner, "SSH-1.99-"):
		return 2
	case t.remote != nil:
		return 1
	}
	return 0
}

// handshake lists the stages of one dial; try only tells what was found.
func (c *checkup) handshake() []stage {
	t, s := &c.trail, &c.route.bank.SFTP
	tell := func(f func() string) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return f(), nil }
	}
	p := newPins(s.HostKeys, c.dialer.Now())
	return []stage{
		{"tcp", "a connection to " + c.route.addr, tell(func() string {
			if t.remote == nil {
				return ""
			}
			return "connected to " + t.remote.String()
		}), Text{
			RU: "Соединения нет. Проверьте порт, межсетевой экран и маршрут; спросите банк, внесён ли наш внешний адрес в разрешённые.",
			EN: "No connection. Check the port, the firewall and the route; ask the bank whether our public address is on its allow list.",
		}},
		{"banner", "a line that begins with SSH-2.0-", tell(func() string { return quoted(t.banner) }), Text{
			RU: "На этом порту отвечает не SSH-сервер, или он молчит. Проверьте sftp.port; за балансировщиком или прокси спросите банк о состоянии сервера.",
			EN: "What answers on this port is not an SSH server, or it is silent. Check sftp.port; behind a balancer or proxy ask the bank about its server.",
		}},
		{"kex", "algorithms that both sides have", tell(func() string { return t.chosen }), Text{
			RU: "Не удалось договориться об алгоритмах. Попросите банк включить современные (curve25519-sha256, ssh-ed25519, aes256-gcm); временно можно задать sftp.algorithms для этого банка.",
			EN: "No agreement on algorithms. Ask the bank to enable current ones (curve25519-sha256, ssh-ed25519, aes256-gcm); for the time being sftp.algorithms can be set for this bank.",
		}},
		{"host key", p.fingerprints(), tell(func() string { return t.shown }), Text{
			RU: "Ключ сервера не тот, что закреплён. Ничего не передано. Позвоните в банк и сверьте отпечаток; только если банк подтвердит, добавьте ключ в host_keys.",
			EN: "The server's key is not the pinned one. Nothing was sent. Telephone the bank and compare the fingerprint; only if the bank confirms it, add the key to host_keys.",
		}},
		{"login", "user " + s.User + " is let in", tell(func() string {
			if t.inside || t.login == nil {
				return cmp.Or(map[bool]string{true: "logged in"}[t.inside])
			}
			return "offered: " + list(t.login.offered) + "; ours: " + list(t.login.ours) + ";"
		}), Text{
			RU: "Банк не пустил нас. Отправьте банку наш открытый ключ и имя пользователя; спросите, с каких адресов разрешён вход и не заблокирована ли учётная запись.",
			EN: "The bank did not let us in. Send the bank our public key and the user name; ask from which addresses login is allowed and whether the account is locked.",
		}},
		{"sftp", "the file protocol opens", tell(func() string {
			if c.session == nil {
				return ""
			}
			return "SFTP version 3"
		}), Text{
			RU: "Вход выполнен, но протокол SFTP не открылся. Попросите банк разрешить подсистему sftp для этого пользователя.",
			EN: "The login worked, the SFTP protocol did not open. Ask the bank to allow the sftp subsystem for this user.",
		}},
	}
}

// exchanging lists the stages on the open session.
func (c *checkup) exchanging() []stage {
	r := c.route
	body := []byte("bankconnector check\n")
	rights := Text{
		RU: "Проверьте имена папок и попросите у банка права: создавать, переименовывать, читать и удалять в " + r.toBank + ", читать и переименовывать в " + r.fromBank + ".",
		EN: "Check the names of the folders and ask the bank for the rights: create, rename, read and remove in " + r.toBank + ", read and rename in " + r.fromBank + ".",
	}
	act := func(said string, f func() error) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			if err := c.session.do(ctx, "check", r.toBank, f); err != nil {
				return "", err
			}
			return said, nil
		}
	}
	return []stage{
		{"folder to_bank", r.toBank + " can be listed", c.listing(r.toBank), rights},
		{"folder from_bank", r.fromBank + " can be listed", c.listing(r.fromBank), rights},
		{"canary put", path.Base(c.canary) + " is written and reads back the same", act("written and read back", func() error {
			c.before = c.dialer.Now()
			return c.session.put("check", c.canary, body, false)
		}), rights},
		{"canary clock", "the server's clock is within " + clockTolerance.String() + " of ours", c.clock, Text{
			RU: "Часы банка и наши расходятся. Проверьте нашу синхронизацию (timedatectl); если она в порядке, сообщите банку.",
			EN: "The bank's clock and ours differ. Check our synchronisation (timedatectl); if it is in order, tell the bank.",
		}},
		{"canary rename", "the file gets its other name and the old one is gone", act("renamed", c.rename), Text{
			RU: "Переименование не работает. Попросите у банка право на переименование или задайте delivery.mode: marker.",
			EN: "Renaming does not work. Ask the bank for the right to rename, or set delivery.mode: marker.",
		}},
		{"canary delete", "the file can be removed", act("removed", func() error {
			return errors.Join(c.session.remove(c.canary), c.session.remove(c.moved))
		}), Text{
			RU: "Удаление не разрешено: временные файлы прерванных передач останутся в " + r.toBank + ". Попросите у банка право удалять. Удалите вручную " + path.Base(c.moved) + ".",
			EN: "Removal is not allowed: temporary files of interrupted uploads will stay in " + r.toBank + ". Ask the bank for the right to remove. Remove by hand " + path.Base(c.moved) + ".",
		}},
	}
}

// listing counts what is in a folder.
func (c *checkup) listing(folder string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		var items []item
		err := c.session.do(ctx, "list", folder, func() (err error) {
			items, _, err = c.session.readdir(ctx, folder, c.route.files)
			return err
		})
		return fmt.Sprintf("%d names", len(items)), err
	}
}

// clock compares the canary's time with ours; a failure is a warning and does not end the check.
func (c *checkup) clock(ctx context.Context) (string, error) {
	var e *Entry
	err := c.session.do(ctx, "check", c.canary, func() (err error) {
		e, err = c.session.glance("check", c.canary)
		if err == nil && e == nil {
			err = fmt.Errorf("the canary vanished: %w", ErrGone)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	skew := e.ModTime.Sub(c.before).Round(time.Second)
	if skew.Abs() > clockTolerance {
		return "", fmt.Errorf("the bank's clock differs by %v", skew)
	}
	return fmt.Sprintf("differs by %v", skew), nil
}

// rename moves the canary as a document would be, and looks whether that is true.
func (c *checkup) rename() error {
	s := c.session
	move := s.client.Rename
	if version, ok := s.client.HasExtension("posix-rename@openssh.com"); ok && version == "1" && c.route.mode != modeRename {
		move = s.client.PosixRename
	}
	if c.route.mode == modeMarker || c.route.mode == modeDirect {
		return nil
	}
	if err := move(c.canary, c.moved); err != nil {
		return err
	}
	from, err := s.lstat(c.canary)
	if err != nil {
		return err
	}
	to, err := s.lstat(c.moved)
	if err != nil {
		return err
	}
	if from != nil || to == nil {
		return errors.New("the server says it is done, but the names say otherwise; it copies instead of renaming, or renames later")
	}
	return nil
}

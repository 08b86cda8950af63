package bench_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bankconnector/banks"
	"bankconnector/banks/mailbox"
	"bankconnector/internal/testkit"
)

// shore is a real OpenSSH server and the way to it.
type shore struct {
	sshd *testkit.SSHD
	host string
	port int
	key  string
}

func newShore(b *testing.B, rtt time.Duration) *shore {
	b.Helper()
	sshd := testkit.StartSSHD(b, testkit.SSHDOptions{External: true})
	s := &shore{sshd: sshd, host: sshd.Host, port: sshd.Port, key: sshd.Key.File}
	if rtt > 0 {
		relay := testkit.StartRelay(b, sshd.Addr(), rtt)
		s.host, s.port = relay.Host, relay.Port
	}
	return s
}

// options are what every ssh of a peer gets.
func (s *shore) options() []string {
	return []string{
		"-F", "/dev/null", "-i", s.key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
		"-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
	}
}

func (s *shore) ssh() string {
	return fmt.Sprintf("ssh -p %d %s", s.port, strings.Join(s.options(), " "))
}

func (s *shore) login() string { return s.sshd.User + "@" + s.host }

// load is one run of one client.
type load struct {
	shore         *shore
	local, remote string
	n             int
	data          []byte
}

// client moves the files of a load and leaves nothing behind.
type client struct {
	name string
	// amount is how many files it moves: the slow ones get fewer, about as many as take them some seconds.
	amount func(rtt time.Duration) int
	move   func(*testing.B, load) time.Duration // processor time of the client
}

// few is for a client that waits so many round trips for each file.
func few(trips float64) func(time.Duration) int {
	return func(rtt time.Duration) int {
		whole := pick(12, 1000)
		if rtt == 0 {
			return whole
		}
		return min(whole, max(10, int(pick(0.5, 4)/(trips*rtt.Seconds()))))
	}
}

func all(time.Duration) int { return pick(12, 1000) }

// profile is a bank whose server is the shore.
func (l load) profile(parallel int) *banks.Bank {
	return &banks.Bank{
		BIC: "044525225", Name: "bench",
		SFTP: banks.SFTP{
			Host: l.shore.host, Port: l.shore.port, User: l.shore.sshd.User, KeyFile: l.shore.key,
			ToBank: l.remote, FromBank: l.remote, Timeout: 30 * time.Second, Keepalive: 15 * time.Second,
			HostKeys: []banks.HostKey{{Key: l.shore.sshd.HostKeys[0].Line}},
		},
		Delivery: banks.Delivery{Mode: "auto"}, Pickup: banks.Pickup{Mode: "claim"},
		Limits: banks.Limits{Files: 1 << 20, FileSize: 16 << 20, Parallel: parallel},
	}
}

func ours(parallel int, work func(*testing.B, load, *mailbox.Session, int)) func(*testing.B, load) time.Duration {
	return func(b *testing.B, l load) time.Duration {
		b.Helper()
		before := own(b)
		d := &mailbox.Dialer{Now: time.Now}
		s, err := d.Dial(b.Context(), l.profile(parallel))
		if err != nil {
			b.Fatal(err)
		}
		work(b, l, s, parallel)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		return own(b) - before
	}
}

// together does the work for every item, so many at a time.
func together[T any](b *testing.B, parallel int, items []T, work func(T) error) {
	b.Helper()
	jobs := make(chan T)
	var crew sync.WaitGroup
	var mu sync.Mutex
	var all error
	for range parallel {
		crew.Go(func() {
			for i := range jobs {
				if err := work(i); err != nil {
					mu.Lock()
					all = errors.Join(all, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, i := range items {
		jobs <- i
	}
	close(jobs)
	crew.Wait()
	if all != nil {
		b.Fatal(all)
	}
}

func deliver(b *testing.B, l load, s *mailbox.Session, parallel int) {
	b.Helper()
	names := make([]string, l.n)
	for i := range names {
		names[i] = fileName(i)
	}
	together(b, parallel, names, func(name string) error {
		data, err := os.ReadFile(filepath.Join(l.local, name))
		if err != nil {
			return err
		}
		temp := mailbox.TempName(name, "1")
		return errors.Join(s.Upload(b.Context(), temp, name, data), s.Publish(b.Context(), temp, name))
	})
}

func collect(b *testing.B, l load, s *mailbox.Session, parallel int) {
	b.Helper()
	list, err := s.List(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	together(b, parallel, list.Files, func(e mailbox.Entry) error {
		mine := "1_" + e.Name
		if err := s.Claim(b.Context(), e.Name, mine); err != nil {
			return err
		}
		data, err := s.Fetch(b.Context(), mine, e.Size)
		if err != nil {
			return err
		}
		return errors.Join(os.WriteFile(filepath.Join(l.local, e.Name), data, 0o600), s.Discard(b.Context(), mine))
	})
}

// shell is a peer as a command line.
func shell(make func(*testing.B, load) *exec.Cmd) func(*testing.B, load) time.Duration {
	return func(b *testing.B, l load) time.Duration {
		b.Helper()
		return run(b, make(b, l)).cpu
	}
}

func sftpBatch(lines func(l load, name string) string) func(*testing.B, load) time.Duration {
	return shell(func(b *testing.B, l load) *exec.Cmd {
		b.Helper()
		var text strings.Builder
		for i := range l.n {
			text.WriteString(lines(l, fileName(i)))
		}
		batch := filepath.Join(b.TempDir(), "batch")
		if err := os.WriteFile(batch, []byte(text.String()), 0o600); err != nil {
			b.Fatal(err)
		}
		args := append([]string{"-q", "-b", batch, "-P", fmt.Sprint(l.shore.port)}, l.shore.options()...)
		return exec.CommandContext(b.Context(), need(b, "sftp", "openssh-client"), append(args, l.shore.login())...)
	})
}

func lftp(command func(l load) string) func(*testing.B, load) time.Duration {
	return shell(func(b *testing.B, l load) *exec.Cmd {
		b.Helper()
		script := fmt.Sprintf("set sftp:connect-program '%s -a -x'; set cmd:fail-exit yes; open -u %s, sftp://%s; %s; bye",
			l.shore.ssh(), l.shore.sshd.User, net.JoinHostPort(l.shore.host, fmt.Sprint(l.shore.port)), command(l))
		return exec.CommandContext(b.Context(), need(b, "lftp", "lftp"), "-c", script)
	})
}

// rclone is tuned: 64 transfers, and none of the questions that may be left out.
func rclone(verb string, args func(l load) []string) func(*testing.B, load) time.Duration {
	return shell(func(b *testing.B, l load) *exec.Cmd {
		b.Helper()
		c := exec.CommandContext(b.Context(), need(b, "rclone", "rclone"), append([]string{
			verb, "--config", "/dev/null", "--sftp-host", l.shore.host, "--sftp-port", fmt.Sprint(l.shore.port),
			"--sftp-user", l.shore.sshd.User, "--sftp-key-file", l.shore.key, "--sftp-set-modtime=false",
			"--sftp-disable-hashcheck", "--no-check-dest", "--transfers", "64", "--checkers", "64", "-q",
		}, args(l)...)...)
		return c
	})
}

func rsync(args func(l load, host string) []string) func(*testing.B, load) time.Duration {
	return shell(func(b *testing.B, l load) *exec.Cmd {
		b.Helper()
		host := l.shore.login() + ":" + l.remote + "/"
		return exec.CommandContext(b.Context(), need(b, "rsync", "rsync"), append([]string{"-r", "-e", l.shore.ssh()}, args(l, host)...)...)
	})
}

func pipe(line func(l load) string) func(*testing.B, load) time.Duration {
	return shell(func(b *testing.B, l load) *exec.Cmd {
		b.Helper()
		return exec.CommandContext(b.Context(), "bash", "-c", "set -o pipefail; "+line(l))
	})
}

func uploaders() []client {
	return []client{
		{"ours, 64 at once", all, ours(64, deliver)},
		{"ours, 256 at once", all, ours(256, deliver)},
		{"sftp -b (put, rename)", few(6), sftpBatch(func(l load, name string) string {
			return fmt.Sprintf("put %s %s\nrename %s %s\n", filepath.Join(l.local, name), filepath.Join(l.remote, "."+name), filepath.Join(l.remote, "."+name), filepath.Join(l.remote, name))
		})},
		{"lftp mirror -P8", few(1), lftp(func(l load) string { return fmt.Sprintf("mirror -R -P8 --no-perms %s %s", l.local, l.remote) })},
		{"rclone copy, 64 transfers", few(3), rclone("copy", func(l load) []string { return []string{l.local, ":sftp:" + l.remote} })},
		{"rsync", all, rsync(func(l load, host string) []string { return []string{l.local + "/", host} })},
		{"tar to ssh tar", all, pipe(func(l load) string {
			return fmt.Sprintf("tar -C %s -cf - . | %s %s tar -C %s -xf -", l.local, l.shore.ssh(), l.shore.login(), l.remote)
		})},
	}
}

func fetchers() []client {
	return []client{
		{"ours, 64 at once", all, ours(64, collect)},
		{"ours, 256 at once", all, ours(256, collect)},
		{"sftp -b (rename, get, rm)", few(8), sftpBatch(func(l load, name string) string {
			mine := filepath.Join(l.remote, "."+name)
			return fmt.Sprintf("rename %s %s\nget %s %s\nrm %s\n", filepath.Join(l.remote, name), mine, mine, filepath.Join(l.local, name), mine)
		})},
		{"lftp mirror -P8, removing", few(1), lftp(func(l load) string {
			return fmt.Sprintf("mirror -P8 --no-perms --Remove-source-files %s %s", l.remote, l.local)
		})},
		{"rclone move, 64 transfers", few(3), rclone("move", func(l load) []string { return []string{":sftp:" + l.remote, l.local} })},
		{"rsync, removing", all, rsync(func(l load, host string) []string { return []string{"--remove-source-files", host, l.local + "/"} })},
		{"ssh tar to tar (removes nothing)", all, pipe(func(l load) string {
			return fmt.Sprintf("%s %s tar -C %s -cf - . | tar -C %s -xf -", l.shore.ssh(), l.shore.login(), l.remote, l.local)
		})},
	}
}

// BenchmarkUpload is delivery to one bank with a real OpenSSH sftp-server: ours creates exclusively, writes,
// syncs at the server, reads back, compares and renames; the connection counts with all.
func BenchmarkUpload(b *testing.B) {
	publish(b, "upload", "Upload, files per second", "Ours: exclusive create, write, fsync at the server, close, read back, compare, look, rename, look. "+
		"The peers do less: `sftp -b` puts and renames, the others only put. Connecting counts. Processor time is the client's; "+
		"for ours it includes the relay, which runs in the same process.\n\n"+race(b, uploaders(), func(l load) (from, to string) { return l.local, l.remote }))
}

// BenchmarkPickup is fetching and removing what the bank left.
func BenchmarkPickup(b *testing.B) {
	publish(b, "pickup", "Pickup, files per second", "Ours: list, claim by rename, read with the size known and one octet more, write, remove. Connecting counts.\n\n"+
		race(b, fetchers(), func(l load) (from, to string) { return l.remote, l.local }))
}

// race lets the clients run in turns and makes the table.
func race(b *testing.B, clients []client, way func(load) (from, to string)) string {
	b.Helper()
	var text strings.Builder
	for _, kind := range []struct {
		rtt  time.Duration
		size int
	}{{0, 4}, {20, 4}, {80, 4}, {20, 32}} {
		if short() && (kind.rtt != 20 || kind.size == 32) {
			continue
		}
		rtt := kind.rtt * time.Millisecond
		s := newShore(b, rtt)
		speed, spent := make([][]float64, len(clients)), make([][]float64, len(clients))
		for round := range rounds() {
			for turn := range clients {
				i := (turn + round) % len(clients)
				perSecond, cpu := lap(b, s, clients[i], way, kind.size<<10, rtt)
				speed[i], spent[i] = append(speed[i], perSecond), append(spent[i], cpu)
			}
		}
		var t sheet
		t.add(fmt.Sprintf("%d ms, %d KB", kind.rtt, kind.size), "files", "files/s", "ours (64) is × faster", "client CPU µs/file")
		for i, c := range clients {
			t.add(c.name, fmt.Sprint(c.amount(rtt)), number(median(speed[i])), number(median(speed[0])/median(speed[i])), number(median(spent[i])))
		}
		text.WriteString(t.String() + "\n")
	}
	return text.String()
}

// lap is one client's run: files per second and processor time of a file.
func lap(b *testing.B, s *shore, c client, way func(load) (from, to string), size int, rtt time.Duration) (perSecond, cpu float64) {
	b.Helper()
	dir := b.TempDir()
	l := load{shore: s, local: filepath.Join(dir, "local"), remote: filepath.Join(dir, "remote"), n: c.amount(rtt), data: noise(size)}
	from, to := way(l)
	fill(b, from, l.n, l.data)
	if err := os.MkdirAll(to, 0o755); err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	spent := c.move(b, l)
	took := time.Since(began)
	want(b, to, l.n)
	if err := os.RemoveAll(dir); err != nil {
		b.Fatal(err)
	}
	return float64(l.n) / took.Seconds(), float64(spent.Microseconds()) / float64(l.n)
}

// noise does not compress: what travels is a ZIP file.
func noise(n int) []byte {
	data := make([]byte, n)
	x := uint64(88172645463325252)
	for i := range data {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		data[i] = byte(x >> 32)
	}
	return data
}

package testkit

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	sshdPath       = "/usr/sbin/sshd"
	sftpServerPath = "/usr/lib/openssh/sftp-server"
	stracePath     = "/usr/bin/strace"
	installSSHD    = "apt-get install -y openssh-server openssh-sftp-server strace"
	privsep        = "/run/sshd"
)

// SSHDOptions chooses what the real server does otherwise than by default.
type SSHDOptions struct {
	Root     *Root  // nil: a new one
	HostKeys []Key  // nil: one Ed25519 key
	External bool   // the program sftp-server instead of internal-sftp
	SFTPArgs string // arguments of either, as "-P rename -R"
	Inject   string // with External: what strace injects, as "unlink:error=EACCES" (its option -e inject=)
	Config   string // further lines of sshd_config, which win over ours
}

// SSHD is a running OpenSSH server.
type SSHD struct {
	Host     string
	Port     int
	User     string
	Key      Key // who may log in
	HostKeys []Key
	Root     Root

	process *exec.Cmd
	log     *tail
}

// StartSSHD runs the real OpenSSH sshd on a loopback port as the current user, with host keys, a
// configuration and an authorized key of its own, and stops it with the test. A missing server fails
// the test with the command that installs it.
func StartSSHD(t testing.TB, o SSHDOptions) *SSHD {
	t.Helper()
	for _, path := range []string{sshdPath, sftpServerPath, stracePath} {
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("%s is missing; run: %s", path, installSSHD)
		}
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s := &SSHD{Host: "127.0.0.1", User: me.Username, Key: NewKey(t), HostKeys: o.HostKeys}
	if s.HostKeys == nil {
		s.HostKeys = []Key{NewKey(t)}
	}
	if o.Root == nil {
		root := NewRoot(t)
		o.Root = &root
	}
	s.Root = *o.Root
	if os.Geteuid() == 0 {
		// As root it wants its empty folder for separated privileges, which systemd makes elsewhere.
		if err := os.MkdirAll(privsep, 0o755); err != nil {
			t.Fatalf("sshd as root needs %s; run: mkdir -p %s: %v", privsep, privsep, err)
		}
	}
	// Between choosing a port and sshd's taking it another process may; then another one is chosen.
	for attempt := range 5 {
		if s.start(t, o) {
			break
		}
		if attempt == 4 {
			t.Fatalf("sshd does not start:\n%s", s.log)
		}
	}
	t.Cleanup(s.stop)
	return s
}

// start runs sshd once and waits until it listens.
func (s *SSHD) start(t testing.TB, o SSHDOptions) bool {
	t.Helper()
	l := listen(t)
	s.Port = port(l.Addr())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	authorized := filepath.Join(dir, "authorized_keys")
	if err := os.WriteFile(authorized, []byte(s.Key.Line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "sshd_config")
	if err := os.WriteFile(config, []byte(s.config(o, authorized)), 0o600); err != nil {
		t.Fatal(err)
	}
	s.process = exec.Command(sshdPath, "-D", "-e", "-f", config)
	stderr, err := s.process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	s.log = &tail{}
	ready := make(chan bool, 1)
	go s.log.follow(stderr, ready)
	select {
	case up := <-ready:
		if up {
			return true
		}
	case <-time.After(20 * time.Second):
	}
	s.stop()
	return false
}

func (s *SSHD) config(o SSHDOptions, authorized string) string {
	var b strings.Builder
	b.WriteString(o.Config + "\n") // the first value of a keyword wins
	fmt.Fprintf(&b, "Port %d\nListenAddress %s\nAuthorizedKeysFile %s\n", s.Port, s.Host, authorized)
	for _, k := range s.HostKeys {
		fmt.Fprintf(&b, "HostKey %s\n", k.File)
	}
	subsystem := "internal-sftp"
	if o.External {
		subsystem = sftpServerPath
	}
	if o.Inject != "" {
		subsystem = stracePath + " -f -o /dev/null -e inject=" + o.Inject + " " + sftpServerPath
	}
	fmt.Fprintf(&b, "Subsystem sftp %s %s\n", subsystem, o.SFTPArgs)
	b.WriteString("PidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin yes\nLogLevel INFO\nUseDNS no\n" +
		"PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 1000\nMaxSessions 1000\n" +
		"AllowTcpForwarding no\nX11Forwarding no\nPrintMotd no\n")
	return b.String()
}

// Addr is host:port.
func (s *SSHD) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// Log is what the server wrote so far.
func (s *SSHD) Log() string { return s.log.String() }

func (s *SSHD) stop() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

// tail keeps the server's log.
type tail struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// follow reads the log until its end and tells once whether the server listens.
func (l *tail) follow(r io.Reader, ready chan<- bool) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		l.mu.Lock()
		l.text.WriteString(lines.Text() + "\n")
		l.mu.Unlock()
		if strings.HasPrefix(lines.Text(), "Server listening on") {
			select {
			case ready <- true:
			default:
			}
		}
	}
	select {
	case ready <- false:
	default:
	}
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

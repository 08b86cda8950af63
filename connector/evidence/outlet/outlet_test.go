package outlet

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"bankconnector/connector/evidence/note"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func now() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 5e6, time.UTC) }

// signed makes checkpoints.
func signed(t *testing.T) (func(seq int64) note.Signed, []ed25519.PublicKey) {
	t.Helper()
	dir := t.TempDir()
	key, err := note.OpenKey(filepath.Join(dir, "key"), filepath.Join(dir, "pub"), rand.Reader)
	must(t, err)
	return func(seq int64) note.Signed {
		raw, err := key.Sign(note.Checkpoint{Origin: note.Origin + "host", Seq: seq, Hash: strings.Repeat("ab", 32)})
		must(t, err)
		n, err := note.Read(raw)
		must(t, err)
		return n
	}, []ed25519.PublicKey{key.Public()}
}

var message5424 = regexp.MustCompile(`^<109>1 2026-11-22T09:00:00\.005Z my-host bankconnector \d+ checkpoint - bankconnector/journal/v1/host \d+ \S{44} \S{92}$`)

func check(t *testing.T, message string, seq int64, keys []ed25519.PublicKey) {
	t.Helper()
	if !message5424.MatchString(message) {
		t.Errorf("the message is %q", message)
	}
	found := 0
	_, err := note.Each(strings.NewReader(message+"\n"), func(s note.Signed) error {
		if found++; s.Seq != seq {
			t.Errorf("checkpoint at %d, want %d", s.Seq, seq)
		}
		return s.Verify(keys)
	})
	if err != nil || found != 1 {
		t.Errorf("%d checkpoints read back from %q: %v", found, message, err)
	}
}

// TestLocalLog is a real socket as a log daemon has it, which is started anew meanwhile.
func TestLocalLog(t *testing.T) {
	at, keys := signed(t)
	path := filepath.Join(t.TempDir(), "log")
	l, err := ReadLog(path)
	must(t, err)
	o := Syslog(l, "my host", now)
	if err := o.Send(t.Context(), at(1)); err == nil {
		t.Error("nobody listens, and the checkpoint has left")
	}
	for seq := int64(2); seq < 4; seq++ {
		c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		must(t, err)
		if err := o.Send(t.Context(), at(seq)); err != nil { // the first word to a new daemon may get lost with the old socket
			must(t, o.Send(t.Context(), at(seq)))
		}
		buf := make([]byte, 4096)
		n, err := c.Read(buf)
		must(t, err)
		check(t, string(buf[:n]), seq, keys)
		must(t, c.Close())
		_ = os.Remove(path)
	}
	must(t, o.Close())
}

// TestLogOverTCP counts octets, and a connection that the other side has closed is no
// way out.
func TestLogOverTCP(t *testing.T) {
	at, keys := signed(t)
	server, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer server.Close()
	l, err := ReadLog("tcp://" + server.Addr().String())
	must(t, err)
	o := Syslog(l, "my host", now)
	for seq := int64(1); seq < 4; seq++ {
		must(t, o.Send(t.Context(), at(seq)))
		c, err := server.Accept()
		must(t, err)
		var n int
		in := bufio.NewReader(c)
		_, err = fmt.Fscanf(in, "%d ", &n)
		must(t, err)
		message := make([]byte, n)
		_, err = io.ReadFull(in, message)
		must(t, err)
		check(t, string(message), seq, keys)
		must(t, c.Close())
	}
	must(t, server.Close())
	if err := o.Send(t.Context(), at(4)); err == nil {
		t.Error("nobody listens, and the checkpoint has left")
	}
	must(t, o.Close())
}

func TestAddressesOfLogs(t *testing.T) {
	for text, good := range map[string]bool{
		"local": true, "/run/log.socket": true, "udp://log.example:514": true, "tcp://[::1]:601": true,
		"": false, "log.example": false, "udp://log.example": false, "http://log.example:80": false, "tcp://x:1/y": false, "tcp://:514": false,
	} {
		if _, err := ReadLog(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestHungOutlet: whoever waits for an outlet waits no longer than it takes to see that it
// hangs, and the next one not at all.
func TestHungOutlet(t *testing.T) {
	at, _ := signed(t)
	release := make(chan struct{})
	o := &Outlet{Name: "dead", send: func(context.Context, note.Signed) error { <-release; return nil }, stop: func() error { return nil }}
	begun := time.Now()
	for range 2 {
		if err := o.Send(t.Context(), at(1)); err == nil {
			t.Error("it has left")
		}
	}
	if took := time.Since(begun); took > patience+3*time.Second {
		t.Errorf("two checkpoints waited %s", took)
	}
	close(release)
}

// TestFileComesBack is a mount that goes away and comes back.
func TestFileComesBack(t *testing.T) {
	at, keys := signed(t)
	dir := filepath.Join(t.TempDir(), "mount")
	path := filepath.Join(dir, "checkpoints")
	o := File(path, func(note.Checkpoint) error { return nil })
	if err := o.Send(t.Context(), at(1)); err == nil {
		t.Error("there is no folder, and the checkpoint has left")
	}
	must(t, os.Mkdir(dir, 0o700))
	must(t, o.Send(t.Context(), at(2)))
	must(t, o.Send(t.Context(), at(3)))
	must(t, o.Close())
	o = File(path, func(c note.Checkpoint) error {
		if c.Seq != 3 {
			t.Errorf("asked about %d", c.Seq)
		}
		return nil
	})
	must(t, o.Send(t.Context(), at(3))) // it has left before
	must(t, o.Send(t.Context(), at(4)))
	must(t, o.Close())
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	var seqs []int64
	_, err = note.Each(f, func(s note.Signed) error {
		seqs = append(seqs, s.Seq)
		return s.Verify(keys)
	})
	must(t, err)
	if fmt.Sprint(seqs) != "[2 3 4]" {
		t.Errorf("the file holds %v", seqs)
	}
}

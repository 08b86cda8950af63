package line

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bankconnector/banks"
	"bankconnector/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// met is a server and what meets it.
func met(t *testing.T) (*testkit.Server, Config) {
	t.Helper()
	s := testkit.StartServer(t, testkit.ServerOptions{})
	return s, Config{
		SFTP: &banks.SFTP{
			Host: s.Host, Port: s.Port, User: s.User, KeyFile: s.Key.File,
			HostKeys: []banks.HostKey{{Key: s.HostKeys[0].Line}},
		},
		Address: s.Addr(), Now: time.Now(),
	}
}

// The trail of a good connection has every step; that of one that was not made says so without words
// that are not there.
func TestTrailTellsEachStep(t *testing.T) {
	_, c := met(t)
	var trail Trail
	l, err := Dial(t.Context(), c, &trail)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range trail.Steps(c, true) {
		if !step.Done || step.Expected == "" || step.RU == "" || step.EN == "" {
			t.Errorf("%+v", step)
		}
	}
	if !strings.HasPrefix(trail.Banner, "SSH-2.0-Go") || !strings.Contains(trail.Algorithm, "ssh-ed25519") {
		t.Errorf("%+v", trail)
	}
	if err := l.Ping(); err != nil {
		t.Fatal(err)
	}
	l.Cut()
	l.Cut()
	if l.Ping() == nil {
		t.Fatal("a sign of life from a line that was cut")
	}
	l.Wait()
	for _, step := range new(Trail).Steps(c, false) {
		if step.Done {
			t.Errorf("%+v", step)
		}
	}
}

// Whoever asks for another host key type than the pinned ones by profile gets just that.
func TestProfileListReplacesTheOrderOfTypes(t *testing.T) {
	p := newPins([]banks.HostKey{{Key: testkit.NewKey(t).Line}}, time.Now())
	if got := p.algorithms([]string{"rsa-sha2-512"}); len(got) != 1 || got[0] != "rsa-sha2-512" {
		t.Fatalf("%v", got)
	}
	got := p.algorithms(nil)
	if got[0] != "ssh-ed25519" || strings.Contains(strings.Join(got, " "), "cert") || strings.Contains(strings.Join(got, " "), "ssh-rsa ") {
		t.Fatalf("%v", got)
	}
}

// A budget that is spent ends the reading with its cause, however the octets come.
func TestMeterEndsWhoTalksWithoutAnswering(t *testing.T) {
	ours, theirs := net.Pipe()
	m := newMeter(ours)
	sent := make(chan int)
	go func() {
		n := 0
		for {
			got, err := theirs.Write(make([]byte, 10_000))
			n += got
			if err != nil {
				sent <- n
				return
			}
		}
	}()
	buf := make([]byte, 4096)
	var err error
	for err == nil {
		_, err = m.Read(buf)
	}
	_ = m.Close()
	if n := <-sent; !errors.Is(err, m.cause()) || n < loginBudget || n > loginBudget+20_000 {
		t.Fatalf("%v after %d octets", err, n)
	}
	if len(m.banner()) > greetingShown {
		t.Fatalf("a greeting of %d octets is kept", len(m.banner()))
	}
}

// Foreign text is quoted or cut before it meets a log.
func TestForeignTextIsHarmless(t *testing.T) {
	for _, text := range []string{"\x1b[2J", "a\r\nb", "\u202egpj", "\x9b31m", "\xff\xfe", strings.Repeat("ж", 1000), "\x00"} {
		for _, shown := range []string{Quote(text), Cut(text)} {
			if strings.ContainsAny(shown, "\x1b\r\n\x00\u009b\u202e") || len(shown) > 700 {
				t.Errorf("%q becomes %q", text, shown)
			}
		}
	}
	if Quote("plain") != `"plain"` || Cut("plain text") != "plain text" || List(nil) != "nothing" {
		t.Error("plain text is changed")
	}
}

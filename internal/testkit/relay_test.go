package testkit

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a relay in front of a server that says everything back, and a connection through it.
func echo(t *testing.T, rtt time.Duration) (*Relay, net.Conn) {
	t.Helper()
	_, port := StartTCP(t, func(c net.Conn) { _, _ = io.Copy(c, c) })
	r := StartRelay(t, addr(port), rtt)
	c, err := net.Dial("tcp", addr(r.Port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return r, c
}

func addr(port int) string { return (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}).String() }

// ask sends n octets, takes them back and tells how long that took.
func ask(t *testing.T, c net.Conn, n int) time.Duration {
	t.Helper()
	began := time.Now()
	data := bytes.Repeat([]byte("x"), n)
	sent := make(chan error, 1)
	go func() { _, err := c.Write(data); sent <- err }()
	got := make([]byte, n)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil || !bytes.Equal(got, data) {
		t.Fatalf("other octets came back, %v", err)
	}
	return time.Since(began)
}

func TestRelayDelaysWithoutLimitingTheRate(t *testing.T) {
	const rtt = 60 * time.Millisecond
	r, c := echo(t, rtt)
	if took := ask(t, c, 10); took < rtt || took > 10*rtt {
		t.Fatalf("10 octets took %v", took)
	}
	// 16 MiB are 512 windows of 32 KiB: one round trip each would be half a minute.
	if took := ask(t, c, 16<<20); took < rtt || took > 10*time.Second {
		t.Fatalf("16 MiB took %v", took)
	}
	r.SetRTT(0)
	if took := ask(t, c, 10); took > rtt {
		t.Fatalf("without delay %v", took)
	}
}

func TestRelayStallsAndResumes(t *testing.T) {
	r, c := echo(t, 0)
	ask(t, c, 10)
	r.Stall()
	if _, err := c.Write([]byte("held")); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := c.Read(make([]byte, 4)); n != 0 || err == nil {
		t.Fatalf("%d octets came through a stall", n)
	}
	_ = c.SetReadDeadline(time.Time{})
	r.Resume()
	got := make([]byte, 4)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "held" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestRelayThrottles(t *testing.T) {
	r, c := echo(t, 0)
	r.Throttle(100_000)
	if took := ask(t, c, 20_000); took < 150*time.Millisecond {
		t.Fatalf("20 kB at 100 kB/s took %v", took)
	}
	r.Throttle(0)
	if took := ask(t, c, 1<<20); took > 5*time.Second {
		t.Fatalf("unthrottled %v", took)
	}
}

func TestRelayCutsAfterExactlySoManyOctets(t *testing.T) {
	got := make(chan int, 1)
	_, port := StartTCP(t, func(c net.Conn) {
		n, _ := io.Copy(io.Discard, c)
		got <- int(n)
	})
	r := StartRelay(t, addr(port), 0)
	r.CutAfter(777)
	c, err := net.Dial("tcp", addr(r.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for err == nil {
		_, err = c.Write(make([]byte, 100))
	}
	if n := <-got; n > 777 {
		t.Fatalf("%d octets arrived", n)
	}
}

func TestRelayCutEndsBothSides(t *testing.T) {
	r, c := echo(t, 0)
	ask(t, c, 10)
	r.Cut()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Fatal("still open")
	}
}

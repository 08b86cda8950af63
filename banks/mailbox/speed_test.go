package mailbox

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"bankconnector/banks"
	"bankconnector/internal/testkit"
)

// deliverMany uploads and publishes n documents with k callers at once on one session.
func deliverMany(tb testing.TB, s *Session, run string, n, k int, data []byte) {
	tb.Helper()
	jobs := make(chan int)
	var wg sync.WaitGroup
	errs := make([]error, n)
	for range k {
		wg.Go(func() {
			for i := range jobs {
				name := fmt.Sprintf("piev_%s-%d.zip", run, i)
				part := TempName(name, "1")
				errs[i] = errors.Join(s.Upload(tb.Context(), part, name, data), s.Publish(tb.Context(), part, name))
			}
		})
	}
	for i := range n {
		jobs <- i
	}
	close(jobs)
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		tb.Fatal(err)
	}
}

// Requests of many documents must share the connection: at 20 ms one document takes nine round trips,
// so 200 of them in a row would take 36 s.
func TestDocumentsAreInFlightTogether(t *testing.T) {
	sshd := testkit.StartSSHD(t, testkit.SSHDOptions{})
	relay := testkit.StartRelay(t, sshd.Addr(), 20*time.Millisecond)
	b := profile(relay.Host, relay.Port, sshd.User, sshd.Key.File, sshd.Root, sshd.HostKeys...)
	s := dialed(t, dialer(), b)
	began := time.Now()
	deliverMany(t, s, "t", 200, 64, random(t, 4096))
	if took := time.Since(began); took > 9*time.Second {
		t.Fatalf("200 documents took %v", took)
	}
}

func BenchmarkDeliver(b *testing.B) {
	for _, rtt := range []time.Duration{0, 20 * time.Millisecond, 80 * time.Millisecond} {
		for _, k := range []int{1, 64, 128, 256} {
			b.Run(fmt.Sprintf("rtt=%v/callers=%d", rtt, k), func(b *testing.B) { benchDeliver(b, rtt, k) })
		}
	}
}

func benchDeliver(b *testing.B, rtt time.Duration, k int) {
	b.Helper()
	sshd := testkit.StartSSHD(b, testkit.SSHDOptions{})
	bank := distant(b, sshd, rtt)
	d := dialer()
	d.Parallel = k
	s, err := d.Dial(b.Context(), bank)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	data := make([]byte, 4096)
	b.ResetTimer()
	before := spent(b)
	deliverMany(b, s, fmt.Sprint(b.N), b.N, k, data)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "documents/s")
	b.ReportMetric(float64((spent(b)-before).Microseconds())/float64(b.N), "cpu-us/document")
}

// distant is the profile of a server so far away; the relay's own work counts with ours where there is one.
func distant(b *testing.B, sshd *testkit.SSHD, rtt time.Duration) *banks.Bank {
	b.Helper()
	host, port := sshd.Host, sshd.Port
	if rtt > 0 {
		relay := testkit.StartRelay(b, sshd.Addr(), rtt)
		host, port = relay.Host, relay.Port
	}
	return profile(host, port, sshd.User, sshd.Key.File, sshd.Root, sshd.HostKeys...)
}

// spent is the processor time of this process.
func spent(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkPickup(b *testing.B) {
	for _, rtt := range []time.Duration{0, 20 * time.Millisecond} {
		for _, k := range []int{64, 256} {
			b.Run(fmt.Sprintf("rtt=%v/callers=%d", rtt, k), func(b *testing.B) { benchPickup(b, rtt, k) })
		}
	}
}

func benchPickup(b *testing.B, rtt time.Duration, k int) {
	b.Helper()
	sshd := testkit.StartSSHD(b, testkit.SSHDOptions{})
	bank := distant(b, sshd, rtt)
	bank.Limits.Files = 1 << 20
	for i := range b.N {
		if err := writeFile(sshd.Root.FromBank, fmt.Sprintf("rep_%d.zip", i), make([]byte, 4096)); err != nil {
			b.Fatal(err)
		}
	}
	d := dialer()
	d.Parallel = k
	s, err := d.Dial(b.Context(), bank)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ResetTimer()
	l, err := s.List(b.Context())
	if err != nil || len(l.Files) != b.N {
		b.Fatalf("%d files, %v", len(l.Files), err)
	}
	jobs := make(chan Entry)
	var wg sync.WaitGroup
	for range k {
		wg.Go(func() {
			for e := range jobs {
				mine := "x-" + e.Name
				err := s.Claim(b.Context(), e.Name, mine)
				if err == nil {
					_, err = s.Fetch(b.Context(), mine, e.Size)
				}
				if err = errors.Join(err, s.Discard(b.Context(), mine)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for _, e := range l.Files {
		jobs <- e
	}
	close(jobs)
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "documents/s")
}

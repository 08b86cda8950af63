package bench_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// ailment is what is wrong with the first bank: it returns the port where that bank is met instead of its own.
type ailment struct {
	name  string
	catch func(ctx context.Context, b *testing.B, port int) int
}

func ailments() []ailment {
	return []ailment{
		{"all well", nil},
		{"all well, once more", nil}, // what the rounds differ by themselves
		{"one refuses the connection", refuses},
		{"one takes the connection and is mute", isMute},
		{"one gives an octet a second from the middle of a transfer on", isLoris},
	}
}

func listen(ctx context.Context, b *testing.B) net.Listener {
	b.Helper()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	return l
}

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

func refuses(ctx context.Context, b *testing.B, _ int) int {
	b.Helper()
	l := listen(ctx, b)
	defer l.Close()
	return portOf(l)
}

func isMute(ctx context.Context, b *testing.B, _ int) int {
	b.Helper()
	l := listen(ctx, b)
	context.AfterFunc(ctx, func() { _ = l.Close() }) // connections wait in its queue till then
	return portOf(l)
}

// isLoris passes on what makes the connection and begins the transfer, then an octet a second.
func isLoris(ctx context.Context, b *testing.B, port int) int {
	b.Helper()
	const swift = 40_000 // octets
	l := listen(ctx, b)
	context.AfterFunc(ctx, func() { _ = l.Close() })
	target := fmt.Sprintf("127.0.0.1:%d", port)
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := new(net.Dialer).DialContext(ctx, "tcp", target)
			if err != nil {
				_ = client.Close()
				return
			}
			context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })
			go func() { _, _ = io.Copy(client, server) }()
			go func() {
				_, err := io.CopyN(server, client, swift)
				for err == nil && ctx.Err() == nil {
					time.Sleep(time.Second)
					_, err = io.CopyN(server, client, 1)
				}
			}()
		}
	}()
	return portOf(l)
}

// BenchmarkDead is what one bank out of 113 that is dead or all but dead does to the others.
func BenchmarkDead(b *testing.B) {
	bin := program(b)
	count, each := pick(3, 113), pick(5, 20)
	list := ailments()
	speed, ratio := make([][]float64, len(list)), make([][]float64, len(list))
	times := pick(1, 5) * rounds()
	for round := range times {
		for i := range list { // each round begins with another one
			i = (i + round) % len(list)
			speed[i] = append(speed[i], others(b, newPracticeIn(b, bin, count, memory()), each, list[i]))
		}
		for i := range list {
			ratio[i] = append(ratio[i], speed[i][round]/speed[0][round])
		}
	}
	var t sheet
	t.add("banks", "fastest round", "change", "median", "change, median of the rounds", "change in each round, %")
	for i, a := range list {
		var changes []string
		for _, r := range ratio[i] {
			changes = append(changes, fmt.Sprintf("%+.0f", 100*(r-1)))
		}
		t.add(a.name, number(slices.Max(speed[i])), percent(slices.Max(speed[i])/slices.Max(speed[0])),
			number(median(speed[i])), percent(median(ratio[i])), strings.Join(changes, " "))
	}
	publish(b, "dead", "One dead bank among others", fmt.Sprintf("%d banks, %d documents each, visits until all are answered. Counted by the other banks' ledgers, from the start of "+
		"the process to the last of their documents, in deliveries a second; %d rounds, each beside the same round with all well. What else the machine does only slows a round down, so the fastest are the best held against each other. "+
		"All folders lie in memory: what a disk is busy with differs more from run to run than what is looked for.\n\n%s", count, each, times, t.String()))
}

func percent(ratio float64) string { return fmt.Sprintf("%+.1f %%", 100*(ratio-1)) }

// others is how fast the banks but the first were served.
func others(b *testing.B, p *practice, each int, ill ailment) float64 {
	b.Helper()
	files := p.profiles(b)
	ctx, well := context.WithCancel(b.Context())
	defer well()
	if ill.catch != nil {
		rewrite(b, files[0], map[string]string{"port": fmt.Sprintf("  port: %d", ill.catch(ctx, b, port(b, files[0])))})
	}
	p.sample(b, each)
	began := time.Now()
	c := exec.CommandContext(b.Context(), p.program, "exchange", "-c", p.config(), "--json", "--until", "answered")
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	want := (len(files) - 1) * each
	n, last, written := 0, began, int64(-1)
	for ; n < want && time.Since(began) < 5*time.Minute; time.Sleep(300 * time.Millisecond) {
		if size := p.written(b); size != written { // while they write, looking closer would only hold them up
			written = size
			continue
		}
		n, last = p.served(b, strings.TrimSuffix(filepath.Base(files[0]), ".yaml"))
	}
	_ = c.Process.Kill() // it would wait for the bank that is ill; what it leaves is thrown away
	_ = c.Wait()
	p.stop(b)
	if n != want {
		b.Fatalf("with %s: the others got %d documents of %d", ill.name, n, want)
	}
	return float64(n) / last.Sub(began).Seconds()
}

// written is how long the banks' ledgers are together.
func (p *practice) written(b *testing.B) (size int64) {
	b.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "banks", "*", "received.jsonl"))
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			b.Fatal(err)
		}
		size += info.Size()
	}
	return size
}

// served counts the documents of all banks but one, and tells when the last one came.
func (p *practice) served(b *testing.B, but string) (n int, last time.Time) {
	b.Helper()
	for bic, list := range p.received(b) {
		if bic == but {
			continue
		}
		for _, r := range list {
			n++
			if r.At.After(last) {
				last = r.At
			}
		}
	}
	return n, last
}

package crash_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A stroke is what happens at a point.
type stroke struct {
	name  string
	order order
	share int // of 100 points of a sample that are drawn from all strokes of a test
}

// kills: at the entry of a call, which is not carried out any more; everything before it was. "every"
// counts the calls that change nothing as well, so that the moment falls differently among the threads.
var kills = []stroke{
	{"kill", order{Which: "changing", Strike: "kill"}, 85},
	{"kill-any", order{Which: "every", Strike: "kill"}, 15},
}

// faults: one call fails, or everything does from a call on.
var faults = []stroke{
	{"eio", order{Which: "files", Strike: "error", Errno: int(unix.EIO)}, 30},
	{"eintr", order{Which: "files", Strike: "error", Errno: int(unix.EINTR)}, 15},
	{"enospc", order{Which: "space", Strike: "error", Errno: int(unix.ENOSPC)}, 20},
	{"full", order{Which: "space", Strike: "error", Errno: int(unix.ENOSPC), Lasts: true, Until: "ballast"}, 20},
	{"dead", order{Which: "files", Strike: "error", Errno: int(unix.EIO), Lasts: true}, 15},
}

// A point is one call of one journey, and what happens there.
type point struct {
	journey journey
	stroke  stroke
	at      int
}

func (p point) String() string { return fmt.Sprintf("%s/%s/%d", p.journey, p.stroke.name, p.at) }

// asked is the point that CRASH_POINT names, if it is one of these strokes.
func asked(t *testing.T, strokes []stroke) (point, bool) {
	t.Helper()
	name := os.Getenv("CRASH_POINT")
	part := strings.Split(name, "/")
	if name == "" {
		return point{}, false
	}
	if len(part) != 3 {
		t.Fatalf("CRASH_POINT=%s: want journey/stroke/number, as order-out/kill/137", name)
	}
	at, err := strconv.Atoi(part[2])
	if err != nil || !slices.Contains(journeys, journey(part[0])) {
		t.Fatalf("CRASH_POINT=%s: want journey/stroke/number, as order-out/kill/137", name)
	}
	for _, s := range strokes {
		if s.name == part[1] {
			return point{journey(part[0]), s, at}, true
		}
	}
	return point{}, false
}

// number is an environment variable, or its default.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s=%s: want a number", name, text)
	}
	return n
}

// seed draws the sample; a run prints it.
func seed(t *testing.T) uint64 {
	return uint64(number(t, "CRASH_SEED", int(time.Now().UnixNano()%1_000_000)))
}

// length counts the calls of a journey without a stroke, once.
func (s *stage) length(t *testing.T, j journey, which string) int {
	t.Helper()
	name := "count-" + string(j) + "-" + which
	var said string
	for range rounds { // a machine with much else to do may not answer in time
		if n := s.lengths[name]; n > 0 {
			return n
		}
		w, err := s.world(j, name)
		must(t, err)
		var r report
		r, said, err = w.traced(order{Which: which}, nil)
		w.remove()
		must(t, err)
		if r.Exit == 0 {
			s.lengths[name] = r.Count
		}
	}
	t.Fatalf("%s, traced, does not come to its end:\n%s", j, said)
	return 0
}

// points are the calls to strike at: so many in all, spread evenly over the journeys of every stroke,
// each at a random place of its stretch; 0: every call, but for kill-any, which gets as many as kill.
func (s *stage) points(t *testing.T, strokes []stroke, many int, draw *rand.Rand) []point {
	t.Helper()
	var list []point
	for _, k := range strokes {
		sum := 0
		for _, j := range journeys {
			sum += s.length(t, j, k.order.Which)
		}
		share := (many*k.share + 99) / 100
		if many == 0 {
			share = sum
			if k.order.Which == "every" {
				share = sum / 20
			}
		}
		share = min(share, sum)
		for i := range share {
			// A place in the i-th stretch between 0 and sum; no two stretches share one.
			from, to := i*sum/share, (i+1)*sum/share
			place := from + draw.IntN(to-from)
			for _, j := range journeys {
				n := s.length(t, j, k.order.Which)
				if place < n {
					list = append(list, point{j, k, place + 1})
					break
				}
				place -= n
			}
		}
	}
	return list
}

// tally is what became of the points.
type tally struct {
	mu                      sync.Mutex
	struck, missed, damaged int
	byCall                  map[string]int
}

// strikeAll strikes at every point in a world of its own, some at a time, and says what came of it.
func strikeAll(t *testing.T, list []point, run func(point) (report, error)) {
	t.Helper()
	if len(list) == 0 { // CRASH_POINT names a point of another test
		return
	}
	began := time.Now()
	sum := tally{byCall: map[string]int{}}
	queue := make(chan point)
	var crew sync.WaitGroup
	for range number(t, "CRASH_PARALLEL", runtime.GOMAXPROCS(0)) {
		crew.Go(func() {
			for p := range queue {
				r, err := run(p)
				sum.note(t, p, r, err)
			}
		})
	}
	for i, p := range list {
		if i > 0 && i%250 == 0 {
			t.Logf("%d of %d points, %d violations, %v", i, len(list), sum.violations(), time.Since(began).Round(time.Second))
		}
		queue <- p
	}
	close(queue)
	crew.Wait()
	t.Logf("%d points: %d struck, %d lay behind the end of their run, %d violations, %v", len(list), sum.struck, sum.missed, sum.damaged, time.Since(began).Round(time.Second))
	var calls []string
	for name, n := range sum.byCall {
		calls = append(calls, fmt.Sprintf("%s %d", name, n))
	}
	slices.Sort(calls)
	t.Logf("struck at: %s", strings.Join(calls, ", "))
	if sum.struck == 0 {
		t.Error("no point was reached")
	}
}

func (s *tally) violations() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.damaged
}

func (s *tally) note(t *testing.T, p point, r report, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Struck == "" {
		s.missed++
	} else {
		s.struck++
		name, _, _ := strings.Cut(r.Struck, " ")
		s.byCall[name]++
	}
	if err != nil {
		s.damaged++
		t.Errorf("CRASH_POINT=%s (%s)\n%v", p, r.Struck, err)
	}
}

// pick is the point asked for, or a sample, or all.
func (s *stage) pick(t *testing.T, strokes []stroke, variable string, sample int) []point {
	t.Helper()
	if p, ok := asked(t, strokes); ok {
		return []point{p}
	}
	if os.Getenv("CRASH_POINT") != "" {
		return nil
	}
	many := number(t, variable, sample)
	n := seed(t)
	list := s.points(t, strokes, many, rand.New(rand.NewPCG(n, 1)))
	t.Logf("%d points, CRASH_SEED=%d", len(list), n)
	return list
}

// killed strikes with SIGKILL and lets the world go on.
func (s *stage) killed(p point) (report, error) {
	w, err := s.world(p.journey, strings.ReplaceAll(p.String(), "/", "-"))
	if err != nil {
		return report{}, err
	}
	defer w.remove()
	o := p.stroke.order
	o.At = p.at
	r, said, err := w.traced(o, nil)
	if err == nil && r.Struck != "" && r.Signal != int(unix.SIGKILL) {
		err = fmt.Errorf("exit %d, signal %d\n%s", r.Exit, r.Signal, said)
	}
	if err == nil {
		err = w.trueSoFar()
	}
	if err == nil {
		err = w.settle()
	}
	if err == nil {
		err = w.books()
	}
	return r, err
}

// failed strikes with an error of the disk. The program may stop or go on; it may not lie.
func (s *stage) failed(p point) (report, error) {
	w, err := s.world(p.journey, strings.ReplaceAll(p.String(), "/", "-"))
	if err != nil {
		return report{}, err
	}
	defer w.remove()
	o := p.stroke.order
	o.At = p.at
	r, said, err := w.traced(o, nil)
	if err != nil {
		return r, err
	}
	err = errors.Join(honest(r, said), w.trueSoFar())
	if r.Freed {
		err = errors.Join(err, w.lastWord(r.Exit))
	}
	if r.Exit == 0 {
		err = errors.Join(err, w.everythingDone())
	}
	if err != nil {
		return r, fmt.Errorf("%w\nit said: %s", err, said)
	}
	if err := w.settle(); err != nil {
		return r, fmt.Errorf("%w\nat the fault it had said: %s", err, said)
	}
	return r, w.books()
}

// honest: the program ended by itself, and a failed flush was not tried again.
func honest(r report, said string) error {
	var err error
	if r.Signal != 0 || strings.Contains(said, "goroutine ") || strings.Contains(said, "panic:") {
		err = fmt.Errorf("it ended by signal %d, exit %d", r.Signal, r.Exit)
	}
	if !slices.Contains([]int{0, 1, 2, 65, 69, 75, 77, 78}, r.Exit) {
		err = errors.Join(err, fmt.Errorf("exit %d", r.Exit))
	}
	if r.Exit != 0 && strings.TrimSpace(said) == "" {
		err = errors.Join(err, errors.New("it failed and said nothing"))
	}
	if len(r.After) > 0 {
		err = errors.Join(err, fmt.Errorf("after the failed flush: %s", strings.Join(r.After, ", ")))
	}
	return err
}

// TestStruck is one test for all strokes, for they share a stage.
func TestStruck(t *testing.T) {
	s := newStage(t)
	t.Run("TheBooksSeeViolations", s.seesViolations)
	t.Run("KilledAtEveryCall", func(t *testing.T) {
		strikeAll(t, s.pick(t, kills, "CRASH_KILLS", 12), s.killed)
	})
	t.Run("DiskFailsAtEveryCall", func(t *testing.T) {
		strikeAll(t, s.pick(t, faults, "CRASH_FAULTS", 8), s.failed)
	})
	_, one := asked(t, cuts)
	if many := number(t, "POWER_CUTS", 0); many > 0 || one { // they need root and a loop device
		t.Run("PowerIsCutAtEveryCall", func(t *testing.T) { powerCuts(t, s, many) })
	}
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// event is a line of go test -json (go doc test2json).
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

// gate gathers what a run of the tests said.
type gate struct {
	out      io.Writer
	mayskip  []string
	required []string

	output map[string]*strings.Builder // of tests and packages that are not finished, by place
	open   map[string]bool             // packages that have begun and not ended
	passed map[string]bool             // by place: "banks TestA" or "banks TestA/sub"
	failed []string
	skips  []string // skipped although not on the list
	listed int      // skipped, and on the list
	slow   []event
}

func newGate(out io.Writer) *gate {
	return &gate{out: out, output: map[string]*strings.Builder{}, open: map[string]bool{}, passed: map[string]bool{}}
}

// take reads one line; what is not JSON is passed on as it is.
func (g *gate) take(line []byte) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil || e.Action == "" {
		fmt.Fprint(g.out, string(line))
		return
	}
	place := e.place()
	switch e.Action {
	case "start":
		g.open[e.Package] = true
	case "build-output":
		fmt.Fprint(g.out, e.Output)
	case "output":
		if g.output[place] == nil {
			g.output[place] = &strings.Builder{}
		}
		g.output[place].WriteString(e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			g.endPackage(e)
		} else {
			g.endTest(e)
		}
		delete(g.output, place)
	}
}

// place is the key of the lists: the room and the test.
func (e event) place() string {
	_, room, ok := strings.Cut(e.Package, "/")
	if !ok {
		room = e.Package
	}
	return strings.TrimSpace(room + " " + e.Test)
}

func (g *gate) endTest(e event) {
	place := e.place()
	switch e.Action {
	case "pass":
		g.passed[place] = true
		if !strings.Contains(e.Test, "/") {
			g.slow = append(g.slow, e)
		}
	case "fail":
		g.failed = append(g.failed, place)
		g.print(place)
	case "skip":
		if slices.ContainsFunc(g.mayskip, func(p string) bool { return place == p || strings.HasPrefix(place, p+"/") }) {
			g.listed++
			return
		}
		g.skips = append(g.skips, place)
		g.print(place)
	}
}

func (g *gate) endPackage(e event) {
	delete(g.open, e.Package)
	switch {
	case e.Action == "fail" && e.FailedBuild != "":
		g.failed = append(g.failed, e.place()+" (does not build)")
		fmt.Fprintf(g.out, "FAIL  %-36s does not build\n", e.Package)
	case e.Action == "fail":
		g.failed = append(g.failed, e.place()+" (package)")
		g.printOpen(e)
		fmt.Fprintf(g.out, "FAIL  %-36s %7.2fs\n", e.Package, e.Elapsed)
	case e.Action == "pass":
		fmt.Fprintf(g.out, "ok    %-36s %7.2fs\n", e.Package, e.Elapsed)
	}
}

// printOpen shows what tests said that never ended: a panic or a time-out takes them all down.
func (g *gate) printOpen(e event) {
	var places []string
	for place := range g.output {
		if place == e.place() || strings.HasPrefix(place, e.place()+" ") {
			places = append(places, place)
		}
	}
	slices.Sort(places)
	for _, place := range places {
		g.print(place)
		delete(g.output, place)
	}
}

func (g *gate) print(place string) {
	b := g.output[place]
	if b == nil {
		return
	}
	for line := range strings.Lines(b.String()) {
		word := strings.TrimSpace(line)
		if noise(word) {
			continue
		}
		fmt.Fprintf(g.out, "      %s: %s", place, strings.TrimRight(line, "\n")+"\n")
	}
}

// noise tells the lines that only repeat what the place before them says.
func noise(line string) bool {
	for _, prefix := range []string{"=== ", "--- ", "FAIL", "PASS"} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

// close sums up; an error means that the run does not count as passed.
func (g *gate) close() error {
	var errs []error
	for p := range g.open {
		errs = append(errs, fmt.Errorf("%s began and never ended", p))
	}
	for _, want := range g.required {
		if !g.passed[want] {
			errs = append(errs, fmt.Errorf("%s is required and did not pass in this run", want))
		}
	}
	for _, place := range g.skips {
		errs = append(errs, fmt.Errorf("%s skipped itself and is not on the list", place))
	}
	if len(g.failed) > 0 {
		errs = append(errs, fmt.Errorf("failed: %s", strings.Join(g.failed, ", ")))
	}
	if len(g.passed) == 0 {
		errs = append(errs, errors.New("no test has passed"))
	}
	slices.SortFunc(g.slow, func(a, b event) int { return int(1000*b.Elapsed) - int(1000*a.Elapsed) })
	for _, e := range g.slow[:min(5, len(g.slow))] {
		if e.Elapsed >= 5 {
			fmt.Fprintf(g.out, "slow  %-36s %7.2fs\n", e.place(), e.Elapsed)
		}
	}
	fmt.Fprintf(g.out, "%d tests passed, %d failed, %d skipped\n", len(g.passed), len(g.failed), len(g.skips)+g.listed)
	return errors.Join(errs...)
}

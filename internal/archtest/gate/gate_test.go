package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGate(t *testing.T) {
	const (
		start = `{"Action":"start","Package":"bankconnector/banks"}`
		run   = `{"Action":"run","Package":"bankconnector/banks","Test":"TestA"}`
		said  = `{"Action":"output","Package":"bankconnector/banks","Test":"TestA","Output":"    a_test.go:3: want 1\n"}`
		pass  = `{"Action":"pass","Package":"bankconnector/banks","Test":"TestA","Elapsed":7}`
		fail  = `{"Action":"fail","Package":"bankconnector/banks","Test":"TestA"}`
		skip  = `{"Action":"skip","Package":"bankconnector/banks","Test":"TestB/sub"}`
		done  = `{"Action":"pass","Package":"bankconnector/banks","Elapsed":1.5}`
		bad   = `{"Action":"fail","Package":"bankconnector/banks","Elapsed":1.5}`
		crash = `{"Action":"output","Package":"bankconnector/banks","Test":"TestC","Output":"panic: no\n"}`
		build = `{"ImportPath":"bankconnector/banks","Action":"build-output","Output":"a.go:1: undefined: x\n"}`
		built = `{"Action":"fail","Package":"bankconnector/banks","FailedBuild":"bankconnector/banks"}`
		empty = `{"Action":"skip","Package":"bankconnector/none"}`
	)
	tests := map[string]struct {
		lines           []string
		skips, required string
		fault           string // "" = accepted
		prints          string
	}{
		"passed":               {lines: []string{start, run, pass, done}, prints: "ok    bankconnector/banks"},
		"folder without tests": {lines: []string{start, pass, done, empty}, prints: "1 tests passed, 0 failed, 0 skipped"},
		"slow one named":       {lines: []string{start, pass, done}, prints: "slow  banks TestA"},
		"failed":               {lines: []string{start, said, fail, bad}, fault: "failed: banks TestA", prints: "banks TestA:     a_test.go:3: want 1"},
		"panicked":             {lines: []string{start, pass, crash, bad}, fault: "failed: banks (package)", prints: "banks TestC: panic: no"},
		"does not build":       {lines: []string{start, build, built}, fault: "does not build", prints: "undefined: x"},
		"cut off":              {lines: []string{start, pass}, fault: "bankconnector/banks began and never ended"},
		"nothing ran":          {lines: []string{start, done}, fault: "no test has passed"},
		"skipped":              {lines: []string{start, pass, skip, done}, fault: "banks TestB/sub skipped itself"},
		"skip on the list":     {lines: []string{start, pass, skip, done}, skips: "banks TestB: a reason.\n", prints: "1 skipped"},
		"required passed":      {lines: []string{start, pass, done}, required: "banks TestA: a reason.\n"},
		"required is missing":  {lines: []string{start, pass, done}, required: "banks TestZ: a reason.\n", fault: "banks TestZ is required"},
		"other output":         {lines: []string{"go: downloading x", start, pass, done}, prints: "go: downloading x"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put := func(name, text string) string {
				p := filepath.Join(dir, name)
				if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				return p
			}
			var out strings.Builder
			in := strings.NewReader(strings.Join(tt.lines, "\n"))
			err := read(in, &out, put("skips", tt.skips), put("required", tt.required))
			switch {
			case tt.fault == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)):
				t.Errorf("error %v, want one with %q", err, tt.fault)
			}
			if !strings.Contains(out.String(), tt.prints) {
				t.Errorf("output without %q:\n%s", tt.prints, out.String())
			}
		})
	}
}

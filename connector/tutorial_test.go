package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"bankconnector/connector/entry"
)

// TestAuditTutorial runs every command of docs/audit.ru.md and holds its output against
// the page. TUTORIAL_WRITE=1 writes what came instead.
func TestAuditTutorial(t *testing.T) {
	const page = "../docs/audit.ru.md"
	text, err := os.ReadFile(page)
	must(t, err)
	path, err := filepath.Abs(page)
	must(t, err)
	dir := t.TempDir()
	done(t, "demo", "--dir", dir, "--banks", "2", "--documents", "4", "--seed", "1", "--json")
	bin := t.TempDir()
	self, err := filepath.Abs(os.Args[0])
	must(t, err)
	must(t, os.WriteFile(filepath.Join(bin, "bankconnector"), []byte("#!/bin/sh\n"+asProgram+"=1 exec '"+self+"' \"$@\"\n"), 0o755))
	commands := 0
	block := regexp.MustCompile("(?ms)^```console( numbers)?\n\\$ ([^\n]+)\n(.*?)^```$")
	got := block.ReplaceAllStringFunc(string(text), func(b string) string {
		part := block.FindStringSubmatch(b)
		commands++
		c := exec.CommandContext(t.Context(), "sh", "-c", part[2])
		kept, _ := entry.Sift(os.Environ())
		c.Dir, c.Env = dir, append(kept, "PATH="+bin+":"+os.Getenv("PATH"))
		out, err := c.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", part[2], err, out)
		}
		is := strings.ReplaceAll(string(out), dir+"/", "")
		if settled(is, part[1]) != settled(part[3], part[1]) {
			t.Errorf("%s\nsays:\n%s\nthe page says:\n%s", part[2], is, part[3])
		}
		return "```console" + part[1] + "\n$ " + part[2] + "\n" + is + "```"
	})
	if commands < 10 || strings.Count(string(text), "\n## ") != 11 {
		t.Errorf("the page asks %d questions with %d commands", strings.Count(string(text), "\n## "), commands)
	}
	if os.Getenv("TUTORIAL_WRITE") != "" {
		must(t, os.WriteFile(path, []byte(got), 0o644))
	}
}

var (
	moving = regexp.MustCompile(`[0-9a-f]{64}|\d{4}-\d\d-\d\d([T ][0-9:.]+Z?)?`)
	digits = regexp.MustCompile(`\d+`)
)

// settled takes out what is another at each run.
func settled(text, numbers string) string {
	text = moving.ReplaceAllString(text, "~")
	if numbers != "" {
		text = digits.ReplaceAllString(text, "0")
	}
	return text
}

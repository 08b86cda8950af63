// Command gate reads the output of go test -json, prints it for people, and fails where go test would not: when a
// test skipped itself that may not, when a required test did not run, or when nothing ran at all.
//
//	go test -json ./... | gate -skips internal/archtest/skips.txt -required internal/archtest/required.txt
//
// It runs no test itself and opens no other room than the one that reads the lists.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"bankconnector/internal/archtest/list"
)

func main() {
	skips := flag.String("skips", "", "list of the tests that may skip")
	required := flag.String("required", "", "list of the tests that must have passed; leave it out for a partial run")
	flag.Parse()
	if err := read(os.Stdin, os.Stdout, *skips, *required); err != nil {
		fmt.Fprintln(os.Stderr, "gate:", err)
		os.Exit(1)
	}
}

func read(in io.Reader, out io.Writer, skips, required string) error {
	g := newGate(out)
	var err error
	if g.mayskip, err = names(skips); err != nil {
		return fmt.Errorf("read the list of skips: %w", err)
	}
	if g.required, err = names(required); err != nil {
		return fmt.Errorf("read the list of required tests: %w", err)
	}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			g.take(line)
		}
		if err == io.EOF {
			return g.close()
		}
		if err != nil {
			return fmt.Errorf("read the test output: %w", err)
		}
	}
}

func names(name string) ([]string, error) {
	if name == "" {
		return nil, nil
	}
	return list.Read(os.DirFS(filepath.Dir(name)), filepath.Base(name))
}

package main

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

// TestNobodyReadsTheLog: the program's stderr is a pipe that is full and that nobody reads. It
// exchanges everything all the same, and ends.
func TestNobodyReadsTheLog(t *testing.T) {
	dir, config := stage(t, 1, "no-list-home")
	done(t, "sample", "-c", config, "--documents", "3", "--seed", "3")
	reader, writer, err := os.Pipe()
	must(t, err)
	defer reader.Close()
	fill(t, writer)
	c := program(t, "exchange", "-c", config, "--until", "answered", "--log", "debug")
	c.Stderr = writer
	must(t, c.Run())
	must(t, writer.Close())
	b := book(t, dir)
	if rows := query(t, b, `SELECT count(*) FROM exchanges WHERE answered_at IS NOT NULL`); rows[0] != "3" {
		t.Errorf("%v documents are answered, want 3", rows)
	}
	// A failure that must be told on stderr ends as well, with its code.
	reader, writer, err = os.Pipe()
	must(t, err)
	defer reader.Close()
	fill(t, writer)
	c = program(t, "exchange", "-c", config+".none")
	c.Stderr = writer
	if err := c.Run(); err == nil || c.ProcessState.ExitCode() <= 0 {
		t.Errorf("%v, exit %d", err, c.ProcessState.ExitCode())
	}
	must(t, writer.Close())
}

// fill writes into a pipe until it takes no more.
func fill(t *testing.T, w *os.File) {
	t.Helper()
	raw, err := w.SyscallConn()
	must(t, err)
	page := make([]byte, 4096)
	must(t, raw.Write(func(fd uintptr) bool {
		for {
			if _, err := syscall.Write(int(fd), page); errors.Is(err, syscall.EAGAIN) {
				return true
			} else if err != nil {
				t.Error(err)
				return true
			}
		}
	}))
	// The child is given the pipe as any shell would: it blocks.
	must(t, syscall.SetNonblock(int(w.Fd()), false))
}

package control

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// deep is a folder whose socket has a name longer than the kernel takes.
func deep(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	return dir
}

func listen(t *testing.T, dir string) *Server {
	t.Helper()
	s, err := Listen(t.Context(), dir, func(_ context.Context, actor string, q json.RawMessage) any {
		return map[string]string{"actor": actor, "asked": string(q)}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestAsk(t *testing.T) {
	dir := deep(t)
	var answer map[string]string
	if err := Ask(t.Context(), dir, "x", &answer); !errors.Is(err, ErrNobody) {
		t.Errorf("before anybody listens: %v, want ErrNobody", err)
	}
	s := listen(t, dir)
	if err := Ask(t.Context(), dir, "what", &answer); err != nil {
		t.Fatal(err)
	}
	if answer["asked"] != `"what"` || answer["actor"] != Self() || Self() == "" {
		t.Errorf("answered %v, want it asked by %q", answer, Self())
	}
	info, err := os.Stat(filepath.Join(dir, name))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v, %v, want 0600", info.Mode(), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Ask(t.Context(), dir, "x", &answer); !errors.Is(err, ErrNobody) {
		t.Errorf("after the end: %v, want ErrNobody", err)
	}
}

// TestSocketOfTheKilled: what a killed process left is no obstacle, and nobody answers it.
func TestSocketOfTheKilled(t *testing.T) {
	dir := t.TempDir()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, name), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var answer map[string]string
	if err := Ask(t.Context(), dir, "x", &answer); !errors.Is(err, ErrNobody) {
		t.Errorf("a socket without a process: %v, want ErrNobody", err)
	}
	listen(t, dir)
	if err := Ask(t.Context(), dir, "x", &answer); err != nil {
		t.Errorf("after the restart: %v", err)
	}
}

// TestAskersWhoAskNothing: those who say nothing, or too much, keep nobody else from asking
// and do not hold up the end.
func TestAskersWhoAskNothing(t *testing.T) {
	dir := t.TempDir()
	s := listen(t, dir)
	for range atOnce - 1 {
		c, err := net.Dial("unix", filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	var answer map[string]string
	if err := Ask(t.Context(), dir, "x", &answer); err != nil {
		t.Errorf("beside silent askers: %v", err)
	}
	if err := Ask(t.Context(), dir, strings.Repeat("x", largest), &answer); err == nil {
		t.Error("a question above the limit was answered")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

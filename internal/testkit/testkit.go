// Package testkit is what tests of several rooms need and Go's testing package has not: the real
// OpenSSH server on loopback, an SFTP server inside the test, one that lies, and a relay that delays,
// cuts, stalls and throttles.
//
// Only tests may import it. It reads real clocks and makes contexts of its own, because what it stands
// for is the world outside. Whatever a test needs and the machine lacks fails the test with the command
// that installs it: nothing is skipped.
package testkit

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// Key is an SSH key pair of a test.
type Key struct {
	Signer ssh.Signer
	Line   string // public key, as host_keys and authorized_keys write it
	File   string // private key, mode 0600
}

// NewKey makes an Ed25519 key pair and keeps the private half in a file of the test's.
func NewKey(t testing.TB) Key {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return KeyOf(t, private)
}

// KeyOf wraps a private key of any kind (ed25519, *rsa.PrivateKey, *ecdsa.PrivateKey).
func KeyOf(t testing.TB, private any) Key {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(private, "test")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "id")
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return Key{Signer: signer, Line: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))), File: file}
}

// listen opens a loopback port that closes with the test.
func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// port of a loopback address.
func port(a net.Addr) int { return a.(*net.TCPAddr).Port }

// Root is a bank's two folders on disk.
type Root struct {
	Dir, ToBank, FromBank string
}

// NewRoot makes the two folders in a directory of the test's.
func NewRoot(t testing.TB) Root {
	t.Helper()
	dir := t.TempDir()
	r := Root{Dir: dir, ToBank: filepath.Join(dir, "to-bank"), FromBank: filepath.Join(dir, "from-bank")}
	for _, folder := range []string{r.ToBank, r.FromBank} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

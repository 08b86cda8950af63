package mailbox

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"bankconnector/internal/testkit"
)

// middle stands between us and a bank's server and may change the server's first packet, the
// KEXINIT, which goes in the clear; the rest is passed on as it is.
func middle(t *testing.T, server string, change func(kexinit []byte) []byte) (host string, port int) {
	t.Helper()
	return testkit.StartTCP(t, func(client net.Conn) {
		bank, err := net.Dial("tcp", server)
		if err != nil {
			return
		}
		defer bank.Close()
		var crew sync.WaitGroup
		crew.Go(func() {
			defer bank.Close()
			_, _ = io.Copy(bank, client)
		})
		defer crew.Wait()
		defer client.Close()
		greeting, packet, err := first(bank)
		if err == nil {
			_, err = client.Write(append(greeting, change(packet)...))
		}
		if err == nil {
			_, _ = io.Copy(client, bank)
		}
	})
}

// first reads a server's greeting and its first packet.
func first(server io.Reader) (greeting, packet []byte, err error) {
	octet := make([]byte, 1)
	for !bytes.HasSuffix(greeting, []byte("\n")) {
		if _, err = io.ReadFull(server, octet); err != nil {
			return nil, nil, err
		}
		greeting = append(greeting, octet[0])
	}
	packet = make([]byte, 4)
	if _, err = io.ReadFull(server, packet); err != nil {
		return nil, nil, err
	}
	rest := make([]byte, binary.BigEndian.Uint32(packet))
	_, err = io.ReadFull(server, rest)
	return greeting, append(packet, rest...), err
}

// ignored is SSH_MSG_IGNORE as it goes before there are keys: what the attack puts in, so that
// a packet behind the keys can be taken out and the numbers agree again.
func ignored() []byte {
	payload := []byte{2, 0, 0, 0, 0}
	padding := 16 - (4+1+len(payload))%8
	p := binary.BigEndian.AppendUint32(nil, uint32(1+len(payload)+padding))
	p = append(append(p, byte(padding)), payload...)
	return append(p, make([]byte, padding)...)
}

// TestTerrapin: F30. A man in the middle may neither put a packet in before the keys are there,
// nor hide from us that the server knows the strict exchange; and where it does not know it, the
// cipher that the attack needs is not agreed on.
func TestTerrapin(t *testing.T) {
	const strict = "kex-strict-s-v00@openssh.com"
	for name, change := range map[string]func([]byte) []byte{
		"nothing is changed": func(p []byte) []byte { return p },
		"a packet put in":    func(p []byte) []byte { return append(p, ignored()...) },
		"strict hidden": func(p []byte) []byte {
			return bytes.Replace(p, []byte(strict), []byte(strings.Replace(strict, "strict", "strikt", 1)), 1)
		},
		"strict hidden and a packet put in": func(p []byte) []byte {
			return append(bytes.Replace(p, []byte(strict), []byte(strings.Replace(strict, "strict", "strikt", 1)), 1), ignored()...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := testkit.NewHostile("/", toBank, fromBank)
			server := testkit.StartServer(t, testkit.ServerOptions{Serve: h.Serve})
			changed := false
			host, port := middle(t, server.Addr(), func(p []byte) []byte {
				if !bytes.Contains(p, []byte(strict)) {
					t.Error("the server does not offer the strict exchange: nothing is tried here")
				}
				out := change(bytes.Clone(p))
				changed = !bytes.Equal(out, p)
				return out
			})
			b := profile(host, port, server.User, server.Key.File, testkit.Root{ToBank: toBank, FromBank: fromBank}, server.HostKeys...)
			s, err := dialer().Dial(t.Context(), b)
			if err == nil {
				must(t, s.Close())
			}
			if (err != nil) != changed {
				t.Errorf("changed %t: %v", changed, err)
			}
		})
	}
	t.Run("the cipher that it needs", func(t *testing.T) {
		h := testkit.NewHostile("/", toBank, fromBank)
		server := testkit.StartServer(t, testkit.ServerOptions{Serve: h.Serve, Config: func(c *ssh.ServerConfig) {
			c.Ciphers = []string{ssh.CipherChaCha20Poly1305}
		}})
		b := profile(server.Host, server.Port, server.User, server.Key.File, testkit.Root{ToBank: toBank, FromBank: fromBank}, server.HostKeys...)
		_, err := dialer().Dial(t.Context(), b)
		wantKind(t, err, Operator)
		b.SFTP.Algorithms.Ciphers = []string{ssh.CipherChaCha20Poly1305} // a person may want it all the same
		s, err := dialer().Dial(t.Context(), b)
		must(t, err)
		must(t, s.Close())
	})
}

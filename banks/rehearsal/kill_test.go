package rehearsal

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
	"bankconnector/formats"
)

// childDir is the variable by which this test binary is told to be a rehearsal program.
const childDir = "REHEARSAL_TEST_CHILD"

// child serves the bank of dir until it is killed.
func child(dir string) error {
	read := func(name string) []byte {
		data, _ := os.ReadFile(filepath.Join(dir, name)) // what is missing is told by whoever parses it
		return data
	}
	bank, err := pki.ReadCertificates(read("bank.pem"))
	if err != nil {
		return err
	}
	service, err := pki.ReadCertificates(read("service.pem"))
	if err != nil {
		return err
	}
	key, err := pki.ReadPrivateKey(read("bank.key"), nil)
	if err != nil {
		return err
	}
	signer, err := cms.NewSigner(bank[0], key, rand.Reader)
	if err != nil {
		return err
	}
	host, err := ssh.ParsePrivateKey(read("host.key"))
	if err != nil {
		return err
	}
	client, _, _, _, err := ssh.ParseAuthorizedKey(read("client.pub"))
	if err != nil {
		return err
	}
	r, err := Start(context.Background(), Config{Dir: dir, Seed: 1, Now: today}, []Bank{{
		Sample: formats.SampleBank{BIC: first}, HostKey: host, Authorized: []ssh.PublicKey{client}, User: "fssp",
		Signer: signer, Verify: cms.Policy{Signers: []cms.Pin{{Certificate: service[0]}}},
	}})
	if err != nil {
		return err
	}
	fmt.Println("READY", r.Addr(first))
	select {}
}

// TestKilledProcess kills a rehearsal program with SIGKILL after some deliveries, again
// and again, and looks at the books in the end.
func TestKilledProcess(t *testing.T) {
	w := newWorld(t, first)
	key := w.keep()
	w.config.Log = logger(t)
	sent := w.parcels(first, 60)
	rest := sent
	for _, after := range []int{1, 1, 2, 3, 1, 5, 8, 2, 13, 4} {
		addr, kill := spawn(t, w.config.Dir)
		n := 0
		for n < after && len(rest) > 0 {
			if err := w.try(addr, key, rest[0], fmt.Sprint(len(rest), after)); err != nil {
				t.Fatal(err)
			}
			rest, n = rest[1:], n+1
		}
		kill()
	}
	w.start()
	w.deliver(first, rest...)
	w.settle()
	w.check(first, sent)
}

// keep writes the keys of the world where a child finds them, and returns the client's.
func (w *world) keep() ssh.Signer {
	w.t.Helper()
	c, key := newKey(w.t, pki.ECDSAP256, "Банк")
	signer, err := cms.NewSigner(c, key, rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	w.signers[first] = signer
	pem, err := pki.MarshalPrivateKey(key)
	if err != nil {
		w.t.Fatal(err)
	}
	files := map[string][]byte{
		"bank.pem": pki.MarshalCertificate(c), "bank.key": pem, "service.pem": pki.MarshalCertificate(w.service.Certificate()),
		"host.key": hostPEM(w.t, 'h'), "client.pub": ssh.MarshalAuthorizedKey(hostKey(w.t, 'c').PublicKey()),
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(w.config.Dir, name), data, 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	return hostKey(w.t, 'c')
}

// spawn starts a child and returns where it serves and how to kill it.
func spawn(t *testing.T, dir string) (addr string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "READY ")
	if err != nil || !ok {
		t.Fatalf("the child said %q, %v", line, err)
	}
	return addr, kill
}

// try delivers one envelope on a connection of its own; attempt keeps temporary names apart.
func (w *world) try(addr string, key ssh.Signer, p parcel, attempt string) error {
	conn, c, err := login(addr, key, hostKey(w.t, 'h').PublicKey())
	if err != nil {
		return err
	}
	defer conn.Close()
	defer c.Close()
	temp := "/to-bank/." + p.name + "." + strings.ReplaceAll(attempt, " ", "-") + ".part"
	return errors.Join(write(c, temp, p.data), c.PosixRename(temp, "/to-bank/"+p.name))
}

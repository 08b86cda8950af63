package banks

import (
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// FuzzHostKey: a pin that is accepted says which one key it means, and that key is strong.
func FuzzHostKey(f *testing.F) {
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGoOGnJNGGHlExGVOCHsmKZ1QEOr3n2ZVFkJGzJrqMPy"
	for _, seed := range []string{
		key, key + " comment", "  " + key, key + "\n" + key, "SHA256:" + strings.Repeat("A", 43), "SHA256:short", "MD5:00:11",
		"*", "", "@cert-authority " + key, "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQ==", "no-pty " + key,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k := HostKey{Key: text}
		if len(k.Check()) > 0 {
			return
		}
		pinned, fingerprint, err := k.parse()
		switch {
		case err != nil:
			t.Fatalf("%q passes the check and cannot be read: %v", text, err)
		case pinned == nil:
			if !strings.HasPrefix(fingerprint, "SHA256:") || len(fingerprint) != len("SHA256:")+43 {
				t.Errorf("%q is taken for the fingerprint %q", text, fingerprint)
			}
		case strong(pinned) != nil:
			t.Errorf("%q pins a weak key", text)
		default:
			byPrint := HostKey{Key: ssh.FingerprintSHA256(pinned)}
			if !k.Matches(pinned) || !byPrint.Matches(pinned) {
				t.Errorf("%q does not match its own key", text)
			}
		}
	})
}

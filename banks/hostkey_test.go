package banks

import (
	"crypto/dsa" //nolint:staticcheck // a key that must be refused
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

func public(t *testing.T, key any) ssh.PublicKey {
	t.Helper()
	k, err := ssh.NewPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// modulus makes an RSA public key of a size without the time that a pair of keys takes.
func modulus(t *testing.T, bits int) ssh.PublicKey {
	t.Helper()
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return public(t, &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537})
}

func TestB14OnlyStrongKeysMatchTheirPin(t *testing.T) {
	edPublic, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	otherPublic, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other := public(t, otherPublic)
	for _, v := range []struct {
		name   string
		key    ssh.PublicKey
		strong bool
	}{
		{"ed25519", public(t, edPublic), true},
		{"ecdsa", public(t, &curve.PublicKey), true},
		{"rsa of 3072 bits", modulus(t, 3072), true},
		{"rsa of 8192 bits", modulus(t, 8192), true},
		{"rsa of 3071 bits", modulus(t, 3071), false},
		{"rsa of 1024 bits", modulus(t, 1024), false},
		{"rsa so large that it costs minutes", modulus(t, 8193), false},
		{"dsa", public(t, &dsa.PublicKey{
			Parameters: dsa.Parameters{P: new(big.Int).SetBit(big.NewInt(1), 1023, 1), Q: new(big.Int).SetBit(big.NewInt(1), 159, 1), G: big.NewInt(2)}, Y: big.NewInt(4),
		}), false},
	} {
		t.Run(v.name, func(t *testing.T) {
			whole := HostKey{Key: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(v.key)))}
			printed := HostKey{Key: ssh.FingerprintSHA256(v.key)}
			if got := whole.Matches(v.key); got != v.strong {
				t.Errorf("pinned whole: matches is %t", got)
			}
			if got := printed.Matches(v.key); got != v.strong {
				t.Errorf("pinned by fingerprint: matches is %t", got)
			}
			if whole.Matches(other) || printed.Matches(other) {
				t.Error("matches another key")
			}
			if len(whole.Check()) == 0 != v.strong {
				t.Errorf("the pin's check says %v", whole.Check())
			}
			if v.strong && (whole.Fingerprint() != printed.Key || whole.Type() != v.key.Type() || printed.Type() != "" || printed.Fingerprint() != printed.Key) {
				t.Errorf("%s %s, %s %s", whole.Type(), whole.Fingerprint(), printed.Type(), printed.Fingerprint())
			}
		})
	}
}

func TestABrokenPinMatchesNothing(t *testing.T) {
	edPublic, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := public(t, edPublic)
	text := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	for _, pin := range []string{"", "*", "ssh-ed25519", text[:len(text)-4], text + "\n" + text, "@cert-authority " + text, "SHA256:", "SHA256:*", ssh.FingerprintSHA256(key)[:40], ssh.FingerprintLegacyMD5(key), "MD5:" + ssh.FingerprintLegacyMD5(key)} {
		k := HostKey{Key: pin}
		if k.Matches(key) || k.Type() != "" || k.Fingerprint() != "" || len(k.Check()) == 0 {
			t.Errorf("pin %q: matches %t, type %q, %v", pin, k.Matches(key), k.Type(), k.Check())
		}
	}
}

package banks

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// HostKey pins one host key of a bank's server, whole ("ssh-ed25519 AAAA…") or by its fingerprint ("SHA256:…"), with
// the time in which it is accepted: From inclusive, Until exclusive, zero for open. There is no trust on first use:
// a server that shows anything else gets no login and no data.
type HostKey struct {
	Key   string    `yaml:"key" jsonschema:"required"`
	From  time.Time `yaml:"from,omitempty"`
	Until time.Time `yaml:"until,omitempty" whole:"day"`
}

// UnmarshalText reads the short form, a list item that is the key itself.
func (k *HostKey) UnmarshalText(text []byte) error {
	k.Key = string(text)
	_, _, err := k.parse()
	return err
}

// Check refuses what is not one plain, strong key or a SHA-256 fingerprint.
func (k *HostKey) Check() Problems {
	var problems Problems
	if _, _, err := k.parse(); err != nil {
		problems = append(problems, Problem{Path: "key", Text: err.Error()})
	}
	return append(problems, period(k.From, k.Until)...)
}

// In reports whether the pin is in force at a moment.
func (k *HostKey) In(at time.Time) bool {
	return !at.Before(k.From) && (k.Until.IsZero() || at.Before(k.Until))
}

// Matches reports whether the server's key is the pinned one. A weak key (DSA, RSA below 3072 bits) never matches,
// even when its fingerprint was pinned.
func (k *HostKey) Matches(shown ssh.PublicKey) bool {
	if strong(shown) != nil {
		return false
	}
	key, fingerprint, err := k.parse()
	switch {
	case err != nil:
		return false
	case key != nil:
		return bytes.Equal(key.Marshal(), shown.Marshal())
	}
	return fingerprint == ssh.FingerprintSHA256(shown)
}

// Type returns the key's type, such as "ssh-ed25519", or "" when only a fingerprint is pinned.
func (k *HostKey) Type() string {
	if key, _, err := k.parse(); err == nil && key != nil {
		return key.Type()
	}
	return ""
}

// Fingerprint returns the SHA-256 fingerprint of the pinned key, as ssh-keygen -l prints it; "" for a broken pin.
func (k *HostKey) Fingerprint() string {
	_, fingerprint, err := k.parse()
	if err != nil {
		return ""
	}
	return fingerprint
}

// parse reads the pin: the key (nil for a fingerprint only) and its fingerprint.
func (k *HostKey) parse() (ssh.PublicKey, string, error) {
	text := k.Key
	if sum, ok := strings.CutPrefix(text, "SHA256:"); ok {
		raw, err := base64.RawStdEncoding.Strict().DecodeString(sum)
		if err != nil || len(raw) != 32 {
			return nil, "", errors.New("not a SHA-256 fingerprint; copy it whole from: ssh-keygen -l -f KEYFILE")
		}
		return nil, text, nil
	}
	if err := foreign(text); err != nil {
		return nil, "", err
	}
	key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(text))
	if err != nil || len(options) > 0 || len(rest) > 0 || !strings.HasPrefix(text, key.Type()+" ") {
		return nil, "", errors.New(`not a host key; write its type and base64 text, as in "ssh-ed25519 AAAA…", or its fingerprint "SHA256:…"`)
	}
	if err := strong(key); err != nil {
		return nil, "", err
	}
	return key, ssh.FingerprintSHA256(key), nil
}

// foreign names the habits of other tools that are not accepted as a pin.
func foreign(text string) error {
	switch {
	case text == "" || strings.Contains(text, "*"):
		return errors.New("a host key must be pinned; ask the bank for it over another channel (there is no \"any key\")")
	case strings.HasPrefix(text, "@"):
		return errors.New("host certificates and @ markers of known_hosts are not accepted; pin the plain key")
	case strings.HasPrefix(text, "SHA1:"), strings.HasPrefix(text, "MD5:"), strings.Count(text, ":") == 15:
		return errors.New("an MD5 or SHA-1 fingerprint proves nothing; use SHA256:… from: ssh-keygen -l -E sha256 -f KEYFILE")
	case strings.Contains(text, "PRIVATE KEY"):
		return errors.New("this is a private key; a secret is never written here, and a pin needs the public key")
	}
	return nil
}

// strong refuses key types and sizes that are no proof of who the server is. The upper bound keeps a hostile server
// from costing minutes of arithmetic.
func strong(key ssh.PublicKey) error {
	const least, most = 3072, 8192
	switch key.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		return nil
	case ssh.KeyAlgoRSA:
		wrapped, ok := key.(ssh.CryptoPublicKey)
		if !ok {
			return errors.New("this RSA key cannot be measured")
		}
		public, ok := wrapped.CryptoPublicKey().(*rsa.PublicKey)
		if !ok {
			return errors.New("this RSA key cannot be measured")
		}
		if bits := public.N.BitLen(); bits < least || bits > most {
			return fmt.Errorf("an RSA key of %d bits is refused, from %d to %d are accepted; ask the bank for its ssh-ed25519 key", bits, least, most)
		}
		return nil
	}
	return fmt.Errorf("a key of type %s is refused; ssh-ed25519, ecdsa-sha2-nistp256, -384, -521 and ssh-rsa from %d bits are accepted", key.Type(), least)
}

// period refuses a time that ends before it begins.
func period(from, until time.Time) Problems {
	if from.IsZero() || until.IsZero() || from.Before(until) {
		return nil
	}
	return Problems{{Path: "until", Text: "ends before it begins: until must be after from"}}
}

package banks

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"bankconnector/banks/strict"
)

// Secret is a password or a private key in memory. Whatever prints, logs or marshals it sees stars; only Reveal
// gives it out, at the one place that uses it.
type Secret struct{ text string }

// Reveal returns the secret itself. The result goes to the login and nowhere else.
func (s Secret) Reveal() string { return s.text }

// Format prints stars for every verb, %#v and %x included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("****")) }

// MarshalText keeps the secret out of JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte("****"), nil }

// LogValue keeps the secret out of the log.
func (s Secret) LogValue() slog.Value { return slog.StringValue("****") }

// maxSecret is the largest secret file read: a private key of any kind is far below.
const maxSecret = 64 << 10

// ReadSecret reads a secret from its file, without the line end that editors add. It refuses a file that others
// than its owner can read, with the command that mends it; files under systemd's credentials folder are exempt,
// because systemd guards them by an access list that shows as a group right.
func ReadSecret(path string) (Secret, error) {
	data, err := strict.ReadPlain(path, maxSecret, func(info os.FileInfo) error {
		if info.Mode().Perm()&0o077 != 0 && !credential(path) {
			return fmt.Errorf("others than its owner can reach it (mode %04o); run: chmod 600 %s", info.Mode().Perm(), path)
		}
		return nil
	})
	if err != nil {
		return Secret{}, fmt.Errorf("read secret %s: %w", path, err)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if text == "" {
		return Secret{}, fmt.Errorf("read secret %s: the file is empty", path)
	}
	return Secret{text}, nil
}

// credential reports whether a path lies in the folder where systemd puts this service's credentials.
func credential(path string) bool {
	folder := os.Getenv("CREDENTIALS_DIRECTORY")
	return folder != "" && filepath.Dir(path) == filepath.Clean(folder)
}

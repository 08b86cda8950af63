package mailbox

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"bankconnector/banks"
)

// login is how we prove who we are to one bank, and what the bank's server said to that.
type login struct {
	methods []ssh.AuthMethod
	ours    []string // what the profile has, for people
	offered []string // what the server would accept, once it said so
	asked   bool     // the server let us try
}

// newLogin reads the profile's secrets. A missing or open file is the operator's to mend.
func newLogin(s *banks.SFTP) (*login, error) {
	l := &login{}
	if s.KeyFile != "" {
		secret, err := banks.ReadSecret(s.KeyFile)
		if err != nil {
			return nil, err
		}
		signer, err := ssh.ParsePrivateKey([]byte(secret.Reveal() + "\n"))
		if err != nil {
			return nil, fmt.Errorf("read key_file %s: %w", s.KeyFile, err)
		}
		l.methods = append(l.methods, ssh.PublicKeys(signer))
		l.ours = append(l.ours, "publickey "+ssh.FingerprintSHA256(signer.PublicKey()))
	}
	if s.PasswordFile != "" {
		secret, err := banks.ReadSecret(s.PasswordFile)
		if err != nil {
			return nil, err
		}
		l.methods = append(l.methods, ssh.Password(secret.Reveal()), ssh.KeyboardInteractive(answers(secret)))
		l.ours = append(l.ours, "password")
	}
	if len(l.methods) == 0 {
		return nil, errors.New("sftp has neither key_file nor password_file")
	}
	return l, nil
}

// answers gives the password to a single hidden question, which is how many servers ask for it
// (RFC 4256); any other question goes unanswered.
func answers(password banks.Secret) ssh.KeyboardInteractiveChallenge {
	return func(_, _ string, questions []string, echos []bool) ([]string, error) {
		switch {
		case len(questions) == 0:
			return nil, nil
		case len(questions) == 1 && !echos[0]:
			return []string{password.Reveal()}, nil
		}
		return nil, fmt.Errorf("the server asks %d questions instead of a password", len(questions))
	}
}

// watch is the handshake's callback before each attempt: it only remembers what the server offers.
func (l *login) watch(ctx *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	l.asked = true
	l.offered = ctx.AllowedMethods
	return nil, nil
}

// refused tells a refused login in words.
func (l *login) refused(user string, cause error) error {
	return fmt.Errorf("the bank did not let %q in; it offered %s, we have %s. "+
		"Ask the bank whether this public key or password is registered for this user, and from which addresses: %w",
		user, list(l.offered), list(l.ours), cause)
}

func list(items []string) string {
	if len(items) == 0 {
		return "nothing"
	}
	return cut(strings.Join(items, ", "))
}

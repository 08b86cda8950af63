package line

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"

	"bankconnector/banks"
)

// methods reads the profile's secrets: what we log in with, and the same in words. The key comes
// first: a password is shown only to a server that refuses the key.
func methods(s *banks.SFTP) ([]ssh.AuthMethod, []string, error) {
	var all []ssh.AuthMethod
	var ours []string
	if s.KeyFile != "" {
		secret, err := banks.ReadSecret(s.KeyFile)
		if err != nil {
			return nil, nil, err
		}
		signer, err := ssh.ParsePrivateKey([]byte(secret.Reveal() + "\n"))
		if err != nil {
			return nil, nil, fmt.Errorf("read key_file %s: %w", s.KeyFile, err)
		}
		all = append(all, ssh.PublicKeys(signer))
		ours = append(ours, "publickey "+ssh.FingerprintSHA256(signer.PublicKey()))
	}
	if s.PasswordFile != "" {
		secret, err := banks.ReadSecret(s.PasswordFile)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, ssh.Password(secret.Reveal()), ssh.KeyboardInteractive(answers(secret)))
		ours = append(ours, "password")
	}
	if len(all) == 0 {
		return nil, nil, errors.New("sftp has neither key_file nor password_file")
	}
	return all, ours, nil
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

package mailbox

import (
	"context"
	"fmt"
	"path"

	"bankconnector/banks/mailbox/line"
	"bankconnector/banks/mailbox/naming"
	"bankconnector/banks/mailbox/sieve"
)

// ask begins to find out whether the server keeps names as they are, by a file that was just made;
// once, until a new configuration is in force. A bank that holds one file open at a time is asked
// when the file is whole.
func (s *Session) ask(look naming.Look) {
	if _, known := s.dialer.asSent.Load(s.route.bank.BIC); !known {
		s.names.Ask(s.crew.Go, func() (bool, error) {
			if s.files.Most() <= 1 {
				return false, nil
			}
			return look()
		})
	}
}

// asSent waits for the answer.
func (s *Session) asSent(look naming.Look) error {
	if _, known := s.dialer.asSent.Load(s.route.bank.BIC); known {
		return nil
	}
	err := s.names.Answer(look)
	if err == nil {
		s.dialer.asSent.Store(s.route.bank.BIC, true)
	}
	return err
}

// named holds what the folder shows against the name that a file was given. A server that
// changes names (their case, length or signs) does so with every name, and a temporary one is
// longer and more varied than the final one that it becomes; so it is found out before anything
// is shown to the bank.
func (s *Session) named(ctx context.Context, op, name string) (seen bool, err error) {
	items, _, err := s.readdir(ctx, path.Dir(name))
	shown := sieve.Shown(items, path.Base(name))
	if err != nil || shown == "" || shown == path.Base(name) {
		return err == nil && shown != "", err
	}
	return false, &Error{Op: op, Path: name, Kind: Operator, Err: fmt.Errorf("the server shows it as %s: it changes names, and the bank would see another document", line.Quote(shown))}
}

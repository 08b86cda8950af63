package mailbox

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"bankconnector/banks"
)

// pins are the host keys under which the bank is met at one moment.
type pins struct {
	now    []banks.HostKey // in force
	others []banks.HostKey // pinned, but not yet or no longer in force
}

func newPins(all []banks.HostKey, at time.Time) pins {
	var p pins
	for _, k := range all {
		if k.In(at) {
			p.now = append(p.now, k)
		} else {
			p.others = append(p.others, k)
		}
	}
	return p
}

// algorithms narrows what is asked of the server to the types that are pinned, so that a server with
// several keys shows the one that can be checked. RSA keys sign with SHA-2 only (RFC 8332). A pin that
// is a bare fingerprint does not tell its type, so the program's whole list is asked.
func (p pins) algorithms(profile []string) []string {
	if len(profile) > 0 {
		return profile
	}
	var list []string
	for _, k := range p.now {
		switch kind := k.Type(); kind {
		case "":
			return ssh.SupportedAlgorithms().HostKeys
		case ssh.KeyAlgoRSA:
			list = append(list, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		default:
			list = append(list, kind)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// check is the callback of the handshake: nothing is sent to a server that shows another key.
func (p pins) check(host string) ssh.HostKeyCallback {
	return func(_ string, _ net.Addr, shown ssh.PublicKey) error {
		for _, k := range p.now {
			if k.Matches(shown) {
				return nil
			}
		}
		for _, k := range p.others {
			if k.Matches(shown) {
				return &hostKeyError{shown: shown, pinned: p.fingerprints(), text: fmt.Sprintf(
					"%s shows the host key %s, which is pinned but only %s; nothing was sent. Correct its from/until in host_keys",
					host, ssh.FingerprintSHA256(shown), term(k))}
			}
		}
		return &hostKeyError{shown: shown, pinned: p.fingerprints(), text: fmt.Sprintf(
			"%s shows the host key %s %s, pinned is %s; nothing was sent. "+
				"Ask the bank by telephone or on paper whether it changed its key; only if it confirms this fingerprint, add the key to host_keys",
			host, shown.Type(), ssh.FingerprintSHA256(shown), p.fingerprints())}
	}
}

// fingerprints lists the pins in force for people.
func (p pins) fingerprints() string {
	var list []string
	for _, k := range p.now {
		list = append(list, strings.TrimSpace(k.Type()+" "+k.Fingerprint()))
	}
	if len(list) == 0 {
		return "nothing that is in force today"
	}
	return strings.Join(list, " or ")
}

// term tells when a pin is in force.
func term(k banks.HostKey) string {
	var parts []string
	if !k.From.IsZero() {
		parts = append(parts, "from "+k.From.Format(time.RFC3339))
	}
	if !k.Until.IsZero() {
		parts = append(parts, "until "+k.Until.Format(time.RFC3339))
	}
	return strings.Join(parts, " ")
}

// hostKeyError is a server that is not the one that was pinned.
type hostKeyError struct {
	shown  ssh.PublicKey
	pinned string
	text   string
}

func (e *hostKeyError) Error() string { return e.text }

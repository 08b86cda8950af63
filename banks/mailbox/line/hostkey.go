package line

import (
	"fmt"
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

// algorithms puts the types that are pinned first, so that a server with several keys shows the one
// that can be checked (RFC 4253 §7.1: the client's first that the server has is taken). The other
// current types follow only so that a server without the pinned key shows which one it has instead.
// RSA keys sign with SHA-2 only (RFC 8332). What the profile lists replaces all of it.
func (p pins) algorithms(profile []string) []string {
	if len(profile) > 0 {
		return profile
	}
	var list []string
	for _, k := range slices.Concat(p.now, p.others) {
		switch kind := k.Type(); kind {
		case "": // a bare fingerprint does not tell
		case ssh.KeyAlgoRSA:
			list = append(list, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		default:
			list = append(list, kind)
		}
	}
	for _, name := range ssh.SupportedAlgorithms().HostKeys {
		if !strings.Contains(name, "-cert-") && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// bare says whether a pin in force is a fingerprint only.
func (p pins) bare() bool {
	return slices.ContainsFunc(p.now, func(k banks.HostKey) bool { return k.Type() == "" })
}

// without takes the algorithms away that show the key type of "type fingerprint".
func without(algorithms []string, hostKey string) []string {
	kind, _, _ := strings.Cut(hostKey, " ")
	return slices.DeleteFunc(slices.Clone(algorithms), func(name string) bool {
		return name == kind || kind == ssh.KeyAlgoRSA && strings.HasPrefix(name, "rsa-sha2-")
	})
}

// check refuses a server that shows a key other than the pinned ones: nothing is sent to it.
func (p pins) check(address string) func(ssh.PublicKey) error {
	return func(shown ssh.PublicKey) error {
		for _, k := range p.now {
			if k.Matches(shown) {
				return nil
			}
		}
		for _, k := range p.others {
			if k.Matches(shown) {
				return fmt.Errorf("%s shows the host key %s, which is pinned, but only%s; nothing was sent; correct its from and until in host_keys",
					address, ssh.FingerprintSHA256(shown), term(k))
			}
		}
		return fmt.Errorf("%s shows the host key %s %s, pinned is %s; nothing was sent; "+
			"ask its owner by telephone or on paper whether the key was changed, and only if that is confirmed for this fingerprint add the key to host_keys",
			address, shown.Type(), ssh.FingerprintSHA256(shown), p)
	}
}

// String lists the pins in force for people.
func (p pins) String() string {
	var list []string
	for _, k := range p.now {
		list = append(list, strings.TrimSpace(k.Type()+" "+k.Fingerprint()))
	}
	if len(list) == 0 {
		return "none that is in force today"
	}
	return strings.Join(list, " or ")
}

// term tells when a pin is in force.
func term(k banks.HostKey) string {
	text := ""
	if !k.From.IsZero() {
		text += " from " + k.From.Format(time.RFC3339)
	}
	if !k.Until.IsZero() {
		text += " until " + k.Until.Format(time.RFC3339)
	}
	return text
}

package banks

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"bankconnector/banks/strict"
)

// Check refuses a profile whose numbers do not name one bank.
func (b *Bank) Check() Problems {
	var problems Problems
	if err := checkINN(b.INN); b.INN != "" && err != nil {
		problems = append(problems, Problem{Path: "inn", Text: err.Error()})
	}
	if err := checkOGRN(b.OGRN); b.OGRN != "" && err != nil {
		problems = append(problems, Problem{Path: "ogrn", Text: err.Error()})
	}
	for i, id := range b.BICs {
		if id != "" && (id == b.BIC || slices.Contains(b.BICs[:i], id)) {
			problems = append(problems, Problem{Path: fmt.Sprintf("bics[%d]", i), Text: string(id) + " stands twice in this file"})
		}
	}
	for i, s := range b.Signers {
		for _, earlier := range b.Signers[:i] {
			if s.CertificateFile != "" && s.CertificateFile == earlier.CertificateFile {
				problems = append(problems, Problem{
					Path: fmt.Sprintf("signers[%d].certificate_file", i), Text: "this certificate stands twice in this file",
				})
			}
		}
	}
	problems = append(problems, b.enoughSigners()...)
	return append(problems, b.folders()...)
}

// folders refuses a staging folder that the bank's replies could be taken from.
func (b *Bank) folders() Problems {
	temp := b.Delivery.TempFolder
	if temp == "" {
		return nil
	}
	if text := badFolder(temp); text != "" {
		return Problems{{Path: "delivery.temp_folder", Text: text}}
	}
	if temp == b.SFTP.FromBank || b.SFTP.FromBank != "/" && strings.HasPrefix(temp, b.SFTP.FromBank+"/") {
		return Problems{{Path: "delivery.temp_folder", Text: "lies in from_bank, where the bank writes; choose a folder of ours"}}
	}
	return nil
}

// Check refuses an address that is none, a login that is none or two of a kind, and folders that could be mixed up.
func (s *SFTP) Check() Problems {
	var problems Problems
	add := func(key, format string, args ...any) {
		problems = append(problems, Problem{Path: key, Text: fmt.Sprintf(format, args...)})
	}
	if s.Host != "" && !hostname(s.Host) {
		add("host", "%s is neither a host name nor an address; no scheme, port or path belongs here", strict.Shown(s.Host))
	}
	if strings.ContainsFunc(s.User, func(r rune) bool { return r <= ' ' || r > '~' }) {
		add("user", "%s holds a blank or a letter that is not ASCII", strict.Shown(s.User))
	}
	if s.KeyFile == "" && s.PasswordFile == "" {
		add("", "has no login: name a key_file, a password_file, or both")
	}
	for _, f := range []struct{ key, folder string }{{"to_bank", s.ToBank}, {"from_bank", s.FromBank}} {
		if text := badFolder(f.folder); text != "" {
			add(f.key, "%s", text)
		}
	}
	if s.ToBank == s.FromBank {
		add("from_bank", "is the same folder as to_bank; what we write and what the bank writes must lie apart")
	}
	return append(problems, s.pins()...)
}

// pins refuses a host key that stands twice, and an allow list that excludes every pinned key.
func (s *SFTP) pins() Problems {
	var problems Problems
	open := len(s.Algorithms.HostKey) == 0
	for i, k := range s.HostKeys {
		print, kind := k.Fingerprint(), k.Type()
		for _, earlier := range s.HostKeys[:i] {
			if print != "" && print == earlier.Fingerprint() {
				problems = append(problems, Problem{Path: fmt.Sprintf("host_keys[%d]", i), Text: "this key stands twice"})
			}
		}
		open = open || kind == "" || slices.ContainsFunc(s.Algorithms.HostKey, func(name string) bool { return signs(name, kind) })
	}
	if !open {
		problems = append(problems, Problem{Path: "algorithms.host_key", Text: "none of the pinned host_keys is of a type allowed here; no connection could succeed"})
	}
	return problems
}

// signs reports whether a host key algorithm uses keys of a type; RSA has three algorithms for one type (RFC 8332).
func signs(algorithm, kind string) bool {
	return algorithm == kind || kind == ssh.KeyAlgoRSA && strings.HasPrefix(algorithm, "rsa-sha2-")
}

// Check refuses names that the program does not have or that protect nothing. A few old algorithms are accepted,
// because some banks' servers have no others; they are used only where they are listed.
func (a *Algorithms) Check() Problems {
	modern := ssh.SupportedAlgorithms()
	lists := []struct {
		key     string
		names   []string
		allowed []string
	}{
		{"kex", a.KEX, append(modern.KeyExchanges, ssh.InsecureKeyExchangeDH14SHA1, ssh.InsecureKeyExchangeDHGEXSHA1)},
		{"ciphers", a.Ciphers, append(modern.Ciphers, ssh.InsecureCipherAES128CBC)},
		{"macs", a.MACs, append(modern.MACs, ssh.InsecureHMACSHA196)},
		{"host_key", a.HostKey, []string{
			ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
			ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA,
		}},
	}
	var problems Problems
	for _, list := range lists {
		for i, name := range list.names {
			at := fmt.Sprintf("%s[%d]", list.key, i)
			switch {
			case slices.Contains(list.names[:i], name):
				problems = append(problems, Problem{Path: at, Text: strict.Shown(name) + " stands twice"})
			case !slices.Contains(list.allowed, name):
				problems = append(problems, Problem{Path: at, Text: strict.Shown(name) + " is refused; allowed: " + strings.Join(list.allowed, ", ")})
			}
		}
	}
	return problems
}

// Check refuses a bank that would never be visited, or by two rules at once.
func (s *Schedule) Check() Problems {
	switch {
	case s.Cron == "" && s.Every == 0:
		return Problems{{Text: "says no time: give cron or every"}}
	case s.Cron != "" && s.Every != 0:
		return Problems{{Path: "every", Text: "stands beside cron; give only one of them"}}
	}
	return nil
}

// Check refuses a time that ends before it begins.
func (s *Signer) Check() Problems { return period(s.From, s.Until) }

// Check refuses what proves nothing without roots, and roots by which every reply would be held.
func (t *Trust) Check() Problems {
	switch {
	case len(t.Roots) == 0 && len(t.Intermediates) > 0:
		return Problems{{Path: "intermediates", Text: "stand without roots and prove nothing; name the roots they lead to"}}
	case len(t.Roots) == 0 && len(t.CRLs) > 0:
		return Problems{{Path: "crls", Text: "stand without roots, so that nobody can tell who made them; name the roots"}}
	case len(t.Roots) > 0 && len(t.CRLs) == 0 && t.Revocation == "required":
		return Problems{{Path: "roots", Text: "stand without crls: every reply would be held, because no signer's revocation can be told; name crls, or write revocation: optional"}}
	}
	return nil
}

// enoughSigners refuses a number of signatures that the pinned signers cannot reach.
func (b *Bank) enoughSigners() Problems {
	if n := len(b.Signers); n > 0 && b.Signature.Count > n {
		return Problems{{Path: "signature.count", Text: fmt.Sprintf("is %d, but signers names %d; no reply could ever be accepted", b.Signature.Count, n)}}
	}
	return nil
}

// Check refuses a namespace that is no absolute name.
func (f *Format) Check() Problems {
	if f.Namespace != "" && (!strings.Contains(f.Namespace, ":") || strings.ContainsAny(f.Namespace, " <>\"{}|\\^`")) {
		return Problems{{Path: "namespace", Text: strict.Shown(f.Namespace) + " is not a namespace; it looks like urn:… or http://…"}}
	}
	return nil
}

// Danger says what about a profile that is allowed can double an order, "" for nothing. A plain rename may be a link
// and an unlink; cut between the two, after the bank took the new name, it leaves the old one, and the same rename once
// more is a second copy. Only a bank that refuses a known key (receipt 94) then acts once.
func (d *Delivery) Danger() string {
	if d.UnknownOutcome != "reissue" || d.Mode != "rename" && d.Mode != "auto" {
		return ""
	}
	return "delivery.unknown_outcome: reissue with mode " + d.Mode + " can double an order where the server renames by link and unlink; " +
		"set mode: posix-rename if the server has it, or hold, unless the bank attests that it refuses a second document with the same key"
}

// Check refuses to send again without a rename: a late marker or a late write could follow the second file. Into a drop
// box that nobody can look into nothing unfinished can be put.
func (d *Delivery) Check() Problems {
	if d.Mode == "blind" && d.TempFolder != "" {
		return Problems{{Path: "temp_folder", Text: "is of no use with mode blind: files are written under their final name"}}
	}
	if d.UnknownOutcome == "reissue" && (d.Mode == "marker" || d.Mode == "direct" || d.Mode == "blind") {
		return Problems{{Path: "unknown_outcome", Text: "must be hold with mode " + d.Mode + ": without a rename, sending again can double an order"}}
	}
	return nil
}

// Check refuses a marker that could be the end of a document's own name.
func (p *Pickup) Check() Problems {
	m := p.DoneMarker
	if m == "" {
		return nil
	}
	plain := !strings.ContainsFunc(m[1:], func(r rune) bool { return !letter(r) })
	if m[0] != '.' || len(m) < 2 || !plain || strings.EqualFold(m, ".zip") {
		return Problems{{Path: "done_marker", Text: strict.Shown(m) + " is not a suffix for markers; it looks like .done"}}
	}
	return nil
}

// badFolder says why a folder on the bank's server is refused, "" for nothing.
func badFolder(folder string) string {
	switch {
	case !strings.HasPrefix(folder, "/"):
		return strict.Shown(folder) + " is relative; write the whole path from /"
	case path.Clean(folder) != folder:
		return strict.Shown(folder) + " takes a detour; write " + path.Clean(folder)
	case strings.Contains(folder, "\\"):
		return strict.Shown(folder) + " holds a backslash; SFTP paths use /"
	}
	return ""
}

// hostname reports a DNS name (RFC 1123 §2.1, with underscores, which some banks use) or an IP address.
func hostname(s string) bool {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Zone() == ""
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		plain := !strings.ContainsFunc(label, func(r rune) bool { return !letter(r) && r != '-' && r != '_' })
		if label == "" || len(label) > 63 || !plain || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return !digits(s[strings.LastIndex(s, ".")+1:]) // 10.0.0.300 is a mistyped address, not a name
}

// letter reports an ASCII letter or digit.
func letter(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

package mailbox

import (
	"regexp"
	"strings"
)

// ClaimedFolder is the folder inside from_bank that holds what we have claimed.
const ClaimedFolder = ".claimed"

// doneSuffix ends the name of a marker (delivery.mode marker).
const doneSuffix = ".done"

// grammar holds the compiled name rules; a value, so that nothing in the package is mutable.
type grammar struct {
	final, temp, claimed, canary *regexp.Regexp
}

func newGrammar() grammar {
	return grammar{
		final:   regexp.MustCompile(`^[a-z]{3,5}_[A-Za-z0-9-]{1,64}\.zip$`),
		temp:    regexp.MustCompile(`^\.[a-z]{3,5}_[A-Za-z0-9-]{1,64}\.zip\.[A-Za-z0-9-]{1,64}\.part$`),
		claimed: regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$`),
		canary:  regexp.MustCompile(`^\.bankconnector-check-[a-f0-9-]{1,64}\.part$`),
	}
}

// TempName is the temporary name of one upload attempt: `.<final>.<attempt>.part`. The attempt is
// a token of letters, digits and hyphens that no other attempt shares; Upload and Sweep take no
// other form, so that what we remove is always ours.
func TempName(final, attempt string) string {
	return "." + final + "." + attempt + ".part"
}

// known says whether a name in from_bank that is no document is nevertheless expected there.
func (r *route) known(name string) bool {
	if name == "." || name == ".." || name == ClaimedFolder {
		return true
	}
	base, found := strings.CutSuffix(name, r.marker)
	return r.marker != "" && found && r.names.final.MatchString(base)
}

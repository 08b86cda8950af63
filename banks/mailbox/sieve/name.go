package sieve

import "regexp"

// The grammars of remote names. They hold no dot but where one is written, no separator and no letter
// outside ASCII, so that a name that passes is a plain name in its folder and looks like nothing else.
var (
	final   = regexp.MustCompile(`^[a-z]{3,5}_[A-Za-z0-9-]{1,64}\.zip$`)
	temp    = regexp.MustCompile(`^\.[a-z]{3,5}_[A-Za-z0-9-]{1,64}\.zip\.[A-Za-z0-9-]{1,64}\.part$`)
	claimed = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$`)
)

// Final says whether a name is that of a finished envelope: `<prefix>_<id>.zip`.
func Final(name string) bool { return final.MatchString(name) }

// Temp says whether a name is that of an upload of ours that is not published: `.<final>.<attempt>.part`.
func Temp(name string) bool { return temp.MatchString(name) }

// Claimed says whether a name can be one that we gave to a claimed file.
func Claimed(name string) bool { return claimed.MatchString(name) }

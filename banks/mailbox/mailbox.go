// Package mailbox is the road to a bank: one SSH connection, one SFTP session on it, and
// the handful of acts that the exchange needs there. It uploads under a temporary name,
// publishes, looks, lists, claims by rename, fetches and removes what was claimed.
//
// It does not know what the files mean, keeps no journal and never tries twice: an act either
// happened, did not happen, or its outcome is Unknown, and the caller is told which. A bank is
// met only under one of its pinned host keys.
//
// It may call banks for the bank's profile, its own rooms line (the SSH connection), wire (the packets)
// and sieve (names and what is finished), and github.com/pkg/sftp for the file protocol; no other package of the program may open
// the client side of that library.
//
// # What a session never does
//
// The requests that leave are filtered by type (room wire below): a session cannot set attributes,
// follow or make links, or remove a folder, whatever the library under it decides to send.
// Listings and removals are sent by that room itself, because the library reads a listing
// without bound, cuts its names to their last element and falls back from removing a file to
// removing a folder.
//
// # Time
//
// The library's calls take no context. Every act therefore runs under a watch: when its context
// ends, or the bank has answered nothing for its timeout, the connection is closed, and every
// act then under way ends with Unknown.
package mailbox

import (
	"errors"
	"fmt"
)

// Kind says what a failed act means for the caller; each kind has one fate.
type Kind string

// The kinds of Error.
const (
	// Transient: nothing was changed at the bank; a later visit may try again.
	Transient Kind = "transient"
	// Operator: this bank stands still until a person acts (host key, login, folders, profile).
	Operator Kind = "operator"
	// Unknown: the request may have been carried out; only a look on a new session can tell.
	// For an act that changes nothing it means that nothing was learned.
	Unknown Kind = "unknown"
	// Refused: the bank's server, or a rule of this package, said no; nothing was changed.
	Refused Kind = "refused"
	// Gone: the file is not there (any more).
	Gone Kind = "gone"
	// Exists: the name is already taken at the bank; nothing was overwritten.
	Exists Kind = "exists"
	// Changed: the bytes at the bank are not those that were written or announced.
	Changed Kind = "changed"
)

// Causes that callers may ask for with errors.Is.
var (
	// ErrGone: a file vanished between the listing and the act.
	ErrGone = errors.New("the file is no longer there")
	// ErrChanged: a file is shorter, longer or other than announced.
	ErrChanged = errors.New("the file is not what was announced")
)

// Error is the only error type that leaves this package. Op is the act in words, Path the remote
// path (or the address, while connecting), Err the cause.
type Error struct {
	Op   string
	Path string
	Kind Kind
	Err  error
}

// Error tells the act, the path and the cause; a server's own words are quoted and cut.
func (e *Error) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("%s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("%s %s: %v", e.Op, e.Path, e.Err)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Sight is what a look found: nil means the name is absent.
type Sight struct {
	Temp, Final *Entry
}

// ClaimedFolder is the folder inside from_bank that holds what we have claimed.
const ClaimedFolder = ".claimed"

// TempName is the temporary name of one upload attempt: `.<final>.<attempt>.part`. The attempt is
// a token of letters, digits and hyphens that no other attempt shares; Upload and Sweep take no
// other form, so that what we remove is always ours.
func TempName(final, attempt string) string {
	return "." + final + "." + attempt + ".part"
}

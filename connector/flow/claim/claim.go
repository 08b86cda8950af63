// Package claim knows the names of a bank's files, the bank's own and ours for one that was
// claimed, and how long such a file may still be growing. It calls no other room.
package claim

import (
	"fmt"
	"strings"
	"time"
)

// mark parts our unique part, which has none, from the bank's name in a claimed name.
const mark = "_"

// Name is ours for a file: the bank's, made unique.
func Name(unique, name string) string { return unique + mark + name }

// Observed is what a file is known by that stays where the bank left it: the observation
// itself (size, time, name), so that the same file is not taken twice and a new one under
// an old name is.
func Observed(name string, size int64, changed time.Time) string {
	return Name(fmt.Sprintf("%d.%d", size, changed.Unix()), name)
}

// Given is the bank's own name within one of ours.
func Given(claimed string) string { return claimed[strings.Index(claimed, mark)+1:] }

// IncompleteTime is how long a file that was cut short may still be growing under the bank's
// hand. The clock decides, not the number of visits, which may follow one another closely.
const IncompleteTime = time.Hour

// OutOfTime tells whether a file that was first received so long ago must be whole by now.
func OutOfTime(first, now time.Time) bool { return now.Sub(first) > IncompleteTime }

package archtest

import (
	"path"
	"slices"
	"strings"
)

// anyRoom in a list of doors stands for every room, with its inner rooms, that is not closed.
const anyRoom = "*"

// doors says which rooms a room may open.
//
// A folder that is not here is an inner room of the room above it: a part that outgrew one sitting. Its room opens it,
// and those that open every room; it may open the other inner rooms beside it and what its room may open, never the
// room itself.
var doors = map[string][]string{
	"connector":           {anyRoom, "connector/install", "connector/daemon", "connector/practice", "connector/rounds"},
	"connector/install":   {anyRoom, "connector/entry"},
	"connector/daemon":    {"connector/install", "connector/flow", "connector/flow/fate", "banks", "schedule"},
	"connector/practice":  {anyRoom, "connector/install", "connector/rounds"},
	"connector/rounds":    {"connector/install", "connector/flow", "connector/flow/fate", "connector/journal", "banks"},
	"connector/story":     {"connector/journal", "connector/journal/record", "crypto/cms/codes"},
	"connector/desk":      {"connector/flow/reading", "connector/spool", "banks", "formats"},
	"connector/screen":    {"connector/flow", "banks"},
	"connector/control":   {},
	"connector/backup":    {"connector/journal", "connector/journal/volume", "connector/spool", "connector/evidence", "connector/evidence/note", "banks", "banks/mailbox/vault", "internal/durable"},
	"connector/drain":     {},
	"connector/approval":  {"connector/flow/act", "connector/journal", "connector/spool", "banks"},
	"connector/keys":      {"crypto/pki", "internal/durable"},
	"connector/signature": {"crypto/cms", "crypto/pki"},
	"connector/flow": {
		"connector/journal", "connector/spool", "banks", "formats", "formats/envelope", "crypto/cms",
	},
	"connector/evidence": {
		"connector/journal", "connector/journal/volume", "connector/spool", "banks", "formats", "formats/envelope", "crypto/cms", "crypto/pki", "crypto/stamp", "internal/durable",
	},
	"connector/status":       {"connector/journal"},
	"connector/spool":        {"internal/durable"},
	"connector/journal":      {},
	"banks":                  {},
	"banks/mailbox":          {"banks"},
	"banks/rehearsal":        {"formats", "formats/envelope", "crypto/cms"},
	"formats":                {"formats/check", "formats/strictxml"},
	"formats/check":          {},
	"formats/strictxml":      {},
	"formats/envelope":       {},
	"crypto/cms":             {"crypto/pki"},
	"crypto/stamp":           {"crypto/cms", "crypto/cms/message", "crypto/pki"},
	"crypto/token":           {"crypto/pki"},
	"crypto/pki":             {"crypto/gost"},
	"crypto/gost":            {},
	"schedule":               {},
	"internal/durable":       {},
	"internal/testkit":       {anyRoom},
	"internal/archtest":      {},
	"internal/archtest/gate": {"internal/archtest/list"},
	"bench":                  {anyRoom, testkit},
	"crash":                  {anyRoom, "connector/practice"},

	"crypto/gost/internal/gen": {}, // writes the generated files of gost; no part of the program
}

// testDoors are opened only by the tests of a room, besides its doors, itself and testkit.
var testDoors = map[string][]string{
	"crypto/gost":      {"crypto/gost/internal/gen"},
	"banks/rehearsal":  {"crypto/pki"}, // keys and certificates for both sides
	"connector/flow":   {"crypto/pki"},
	"connector/backup": {"connector/evidence/adopt"}, // checkpoints of the journal that is copied
	"crypto/token":     {"crypto/cms"},               // a token's signature is judged whole
}

// testkit is the room that every test may open and no product code may.
const testkit = "internal/testkit"

// closed rooms are opened only by a room that names them.
var closed = []string{
	"connector", "connector/install", "connector/daemon", "connector/practice", "connector/rounds", testkit, "internal/archtest", "internal/archtest/gate", "bench", "crash",
	"crypto/gost/internal/gen",
}

// guests are modules from outside that only some rooms, with their inner rooms, may import, each with the reason.
var guests = []struct {
	path   string // the module and everything below it
	rooms  []string
	tests  bool // tests of every room may import it as well
	reason string
}{
	{"github.com/pkg/sftp", []string{"banks/mailbox", "banks/rehearsal", testkit}, true, "one wrapper gives every call a deadline and a bound"},
	{"github.com/mattn/go-sqlite3", []string{"connector/journal"}, true, "only the journal knows that it is SQLite"},
	{"github.com/miekg/pkcs11", []string{"crypto/token"}, false, "it loads a vendor's library into this process"},
	{"github.com/robfig/cron", []string{"schedule"}, false, "it only says which slots exist; its traps are fenced in there"},
	{"github.com/xuri/excelize", []string{"connector/evidence"}, false, "exports are made in one place, a row at a time"},
	{"github.com/parquet-go", []string{"connector/evidence"}, false, "exports are made in one place, a row at a time"},
	{"github.com/spf13/cobra", []string{"connector"}, false, "commands are main's"},
	{"github.com/jedib0t/go-pretty", []string{"connector", "connector/screen"}, false, "what a terminal shows is main's and the screen's"},
	{"go.yaml.in/yaml", []string{"banks", "connector"}, true, "one strict reader for all configuration; main only prints"},
	{"github.com/google/go-cmp", []string{testkit}, true, "for tests"},
	{"github.com/rogpeppe/go-internal", []string{testkit}, true, "for tests"},
	{"go.uber.org/goleak", []string{testkit}, true, "for tests"},
	{"pgregory.net/rapid", []string{testkit}, true, "for tests"},
	{"testing", []string{testkit, "bench"}, true, "for tests"},
}

// checkDoors holds the table of doors.
func checkDoors(h *house) []violation {
	var out []violation
	for _, r := range h.rooms {
		if home(r.dir) == "" {
			out = append(out, violation{path: r.dir, subject: r.dir, text: unknownRoom(r.dir)})
			continue
		}
		for _, s := range r.sources {
			for _, i := range s.imports() {
				to, ours := strings.CutPrefix(i.path, module+"/")
				if ours && !opens(r.dir, to, s.test) {
					v := h.named(s, i.spec, to, "%s may not open %s: its doors are %s", r.dir, to, listed(r.dir, s.test))
					out = append(out, v)
				}
			}
		}
	}
	return out
}

func unknownRoom(dir string) string {
	if dir == "crypto" {
		return "no Go file stands here, so that the standard library keeps the name crypto"
	}
	return "is not a room of the house: the table of doors in internal/archtest/doors.go does not name it"
}

// home is the room of the table that a folder is or lies in, "" if there is none.
func home(dir string) string {
	for ; dir != "."; dir = path.Dir(dir) {
		if _, ok := doors[dir]; ok {
			return dir
		}
	}
	return ""
}

// opens tells whether a file of one room may import another room.
func opens(from, to string, test bool) bool {
	if test && (to == from || to == testkit || slices.Contains(testDoors[home(from)], to)) {
		return true
	}
	mine, theirs := home(from), home(to)
	switch {
	case from == to || theirs == "" || from != mine && to == mine:
		return false
	case slices.Contains(doors[mine], to):
		return true
	case to != theirs: // an inner room
		return mine == theirs || slices.Contains(doors[mine], anyRoom) && !slices.Contains(closed, theirs)
	}
	return mine != theirs && slices.Contains(doors[mine], anyRoom) && !slices.Contains(closed, to)
}

func listed(from string, test bool) string {
	list := slices.Clone(doors[home(from)])
	if test {
		list = append(append(list, testkit), testDoors[home(from)]...)
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// checkGuests holds the modules from outside to the rooms that own them.
func checkGuests(h *house) []violation {
	var out []violation
	for r, s := range h.all() {
		for _, i := range s.imports() {
			out = append(out, h.checkGuest(r, s, i)...)
		}
	}
	return out
}

func (h *house) checkGuest(r *room, s *source, i imported) []violation {
	var out []violation
	for _, g := range guests {
		if !under(i.path, g.path) || slices.Contains(g.rooms, home(r.dir)) || s.test && g.tests {
			continue
		}
		out = append(out, h.named(s, i.spec, i.path, "only %s may import %s: %s", strings.Join(g.rooms, ", "), g.path, g.reason))
	}
	return out
}

func under(p, root string) bool { return p == root || strings.HasPrefix(p, root+"/") }

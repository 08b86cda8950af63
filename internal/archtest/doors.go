package archtest

import (
	"slices"
	"strings"
)

// anyRoom in a list of doors stands for every room that is not closed.
const anyRoom = "*"

// doors says which rooms a room may open. A room that is not here may not exist.
var doors = map[string][]string{
	"connector":         {anyRoom, "connector/install"},
	"connector/install": {anyRoom},
	"connector/flow": {
		"connector/journal", "connector/spool", "banks", "formats", "formats/envelope", "crypto/cms",
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
	"crypto/pki":             {"crypto/gost"},
	"crypto/gost":            {},
	"schedule":               {},
	"internal/durable":       {},
	"internal/testkit":       {anyRoom},
	"internal/archtest":      {},
	"internal/archtest/gate": {"internal/archtest"},
	"bench":                  {anyRoom, testkit},

	"crypto/gost/internal/gen": {}, // writes the generated files of gost; no part of the program
}

// inner rooms belong to a room that outgrew one sitting, and only that room opens them. They may open each other and
// what their room may open, never the room itself.
var inner = map[string]string{
	"banks/strict":             "banks",
	"banks/mailbox/line":       "banks/mailbox",
	"banks/mailbox/wire":       "banks/mailbox",
	"banks/rehearsal/host":     "banks/rehearsal",
	"banks/rehearsal/letter":   "banks/rehearsal",
	"banks/rehearsal/turns":    "banks/rehearsal",
	"connector/journal/proof":  "connector/journal",
	"connector/journal/record": "connector/journal",
	"connector/journal/sqlite": "connector/journal",
	"connector/journal/state":  "connector/journal",
	"crypto/cms/message":       "crypto/cms",
	"crypto/cms/trust":         "crypto/cms",
	"formats/block":            "formats",
	"formats/invent":           "formats",
}

// testDoors are opened only by the tests of a room, besides its doors, itself and testkit.
var testDoors = map[string][]string{
	"crypto/gost":            {"crypto/gost/internal/gen"},
	"banks/rehearsal":        {"crypto/pki"}, // keys and certificates for both sides
	"banks/rehearsal/letter": {"crypto/pki"},
	"connector/flow":         {"crypto/pki"},
}

// testkit is the room that every test may open and no product code may.
const testkit = "internal/testkit"

// closed rooms are opened only by a room that names them.
var closed = []string{
	"connector", "connector/install", testkit, "internal/archtest", "internal/archtest/gate", "bench",
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
	{"github.com/robfig/cron", []string{"schedule"}, false, "it only says which slots exist; its traps are fenced in there"},
	{"github.com/spf13/cobra", []string{"connector"}, false, "commands are main's"},
	{"github.com/jedib0t/go-pretty", []string{"connector"}, false, "what a terminal shows is main's"},
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
		if _, ok := doors[r.dir]; !ok && inner[r.dir] == "" {
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

// opens tells whether a file of one room may import another room.
func opens(from, to string, test bool) bool {
	if test && (to == from || to == testkit || slices.Contains(testDoors[from], to)) {
		return true
	}
	if slices.Contains(doors[from], to) || inner[to] == from {
		return true
	}
	if home := inner[from]; home != "" {
		return to != from && to != home && (inner[to] == home || opens(home, to, false))
	}
	_, known := doors[to]
	return known && from != to && slices.Contains(doors[from], anyRoom) && !slices.Contains(closed, to)
}

func listed(from string, test bool) string {
	home := from
	if inner[from] != "" {
		home = inner[from]
	}
	list := slices.Clone(doors[home])
	for room, of := range inner {
		if of == home && room != from {
			list = append(list, room)
		}
	}
	slices.Sort(list)
	if test {
		list = append(append(list, testkit), testDoors[from]...)
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// checkGuests holds the modules from outside to the rooms that own them.
func checkGuests(h *house) []violation {
	var out []violation
	for _, r := range h.rooms {
		for _, s := range r.sources {
			for _, i := range s.imports() {
				out = append(out, h.checkGuest(r, s, i)...)
			}
		}
	}
	return out
}

func (h *house) checkGuest(r *room, s *source, i imported) []violation {
	var out []violation
	for _, g := range guests {
		home := slices.Contains(g.rooms, r.dir) || slices.Contains(g.rooms, inner[r.dir])
		if !under(i.path, g.path) || home || s.test && g.tests {
			continue
		}
		out = append(out, h.named(s, i.spec, i.path, "only %s may import %s: %s", strings.Join(g.rooms, ", "), g.path, g.reason))
	}
	return out
}

func under(p, root string) bool { return p == root || strings.HasPrefix(p, root+"/") }

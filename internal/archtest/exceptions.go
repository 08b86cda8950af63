package archtest

import (
	"fmt"
	"strings"
)

// exception lets one subject break one rule.
type exception struct {
	rule    string
	subject string // as the violation names it: a path, or folder:Name
	reason  string // a sentence that a reviewer can disagree with
}

// exceptions is the whole list. One that is no longer needed fails the test.
var exceptions = []exception{}

// rule is one test of the house.
type rule struct {
	name  string
	check func(*house) []violation
}

// rules is what TestHouse runs.
var rules = []rule{
	{"doors", checkDoors},
	{"guests", checkGuests},
	{"modules", checkModules},
	{"sizes", checkSizes},
	{"comments", checkComments},
	{"state", checkState},
	{"clock", checkClock},
	{"skips", checkSkips},
	{"required", checkRequired},
	{"names", checkNames},
	{"corpora", checkCorpora},
	{"leaks", checkLeaks},
	{"words", checkWords},
	{"links", checkLinks},
}

// broken runs a rule and takes away what an exception allows; an exception that allows nothing is a violation.
func (r rule) broken(h *house, allowed []exception) []violation {
	used := map[string]bool{}
	var out []violation
	for _, v := range r.check(h) {
		if permitted(r.name, v.subject, allowed) {
			used[v.subject] = true
			continue
		}
		out = append(out, v)
	}
	for _, e := range allowed {
		if e.rule != r.name {
			continue
		}
		switch {
		case !used[e.subject]:
			out = append(out, violation{path: e.subject, text: fmt.Sprintf("the exception from %q is not needed any more", e.rule)})
		case len(strings.Fields(e.reason)) < 5 || !strings.HasSuffix(e.reason, "."):
			out = append(out, violation{path: e.subject, text: fmt.Sprintf("the exception from %q gives no reason in a sentence", e.rule)})
		}
	}
	return out
}

func permitted(rule, subject string, allowed []exception) bool {
	for _, e := range allowed {
		if e.rule == rule && e.subject == subject {
			return true
		}
	}
	return false
}

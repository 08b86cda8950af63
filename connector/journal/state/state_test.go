package state

import (
	"strings"
	"testing"
)

// table is the whole table, written down a second time: a row is where a
// document is, a column where it would go. y = every kind, o = orders and
// queries only, r = our receipts only, . = never.
const table = `
            Accepted Held Sealed Sending Ambiguous Delivered Confirmed Answered Closed Suspect Refused Rejected Cancelled
Accepted    .        y    y      .       .         .         .         .        .      y       y       .        y
Held        y        .    .      .       .         .         .         .        .      y       y       .        y
Sealed      .        .    .      y       .         .         .         .        .      y       .       .        y
Sending     .        .    .      .       y         y         o         o        .      y       .       o        .
Ambiguous   .        .    .      y       .         y         o         o        .      y       .       o        .
Delivered   .        .    .      .       .         .         o         o        r      y       .       o        .
Confirmed   .        .    .      .       .         .         .         y        .      y       .       y        .
Answered    .        .    .      .       .         .         .         y        y      .       .       .        .
Closed      .        .    .      .       .         .         .         .        .      .       .       .        .
Suspect     .        .    y      .       y         y         o         o        y      .       .       o        y
Refused     .        .    .      .       .         .         .         .        .      .       .       .        .
Rejected    .        .    .      .       .         .         .         .        .      .       .       .        .
Cancelled   .        .    .      .       .         .         .         .        .      .       .       .        .
`

func TestAllowed(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(table), "\n")
	columns := strings.Fields(lines[0])
	if len(columns) != len(All()) || len(lines) != len(All())+1 {
		t.Fatalf("the table has %d columns and %d rows, there are %d states", len(columns), len(lines)-1, len(All()))
	}
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		from := State(cells[0])
		for i, cell := range cells[1:] {
			to := State(columns[i])
			for kind, letters := range map[string]string{"order": "yo", "query": "yo", Receipt: "yr"} {
				want := strings.Contains(letters, cell)
				if got := Allowed(from, to, kind); got != want {
					t.Errorf("%s from %s to %s: allowed %v, want %v", kind, from, to, got, want)
				}
			}
		}
	}
}

func TestUnknownStateGoesNowhere(t *testing.T) {
	for _, to := range All() {
		if Allowed("Lost", to, "order") {
			t.Errorf("an unknown state may go to %s", to)
		}
		if Allowed(to, "Lost", "order") {
			t.Errorf("%s may go to an unknown state", to)
		}
	}
	if State("Lost").Open() {
		t.Error("an unknown state is open")
	}
}

// TestOpenStatesLead holds that nothing can get stuck: from every state that
// waits for somebody there is a way to one that does not.
func TestOpenStatesLead(t *testing.T) {
	for _, kind := range []string{"order", Receipt} {
		for _, start := range All() {
			seen, ends := map[State]bool{start: true}, !start.Open()
			for queue := []State{start}; len(queue) > 0 && !ends; queue = queue[1:] {
				for _, to := range All() {
					if Allowed(queue[0], to, kind) && !seen[to] {
						seen[to] = true
						queue = append(queue, to)
						ends = ends || !to.Open()
					}
				}
			}
			if !ends {
				t.Errorf("%s: no way out of %s", kind, start)
			}
		}
	}
}

package flow

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"bankconnector/connector/flow/rule"
	"bankconnector/connector/journal"
	"bankconnector/formats"
)

// The model check: every interleaving of client, bank, servers and faults within small
// budgets, for an arrest and its lifting. What the client does next is asked of package
// rule, as in production; the world around it (servers, requests on their way, the bank)
// is modelled here. A state is a handful of octets, so a breadth-first walk with a set of
// what was seen is exhaustive, and the first violation that it meets has a shortest trace.

// rulebook has one switch for each rule that a mutation takes out.
type rulebook struct {
	oneTemp  bool // R1: after the intent no other temp is made
	verified bool // R2: the intent comes after the upload was acknowledged and read back
	unknown  bool // R4: an error or a lost reply is unknown, not failed
	claim    bool // R6: files of the bank are claimed, names of the bank never deleted
	gate     bool // R9: a lifting goes after its arrest is confirmed
}

func allRules() rulebook { return rulebook{true, true, true, true, true} }

// course is one configuration of the model.
type course struct {
	title   string
	rules   rulebook
	policy  string // delivery.unknown_outcome
	link    bool   // the server renames by link and unlink
	mode    string // delivery.mode where nothing is renamed: direct or blind
	cuts    uint8  // crashes of the client or lost connections
	kills   uint8  // of the server's processes
	keeping uint8  // temp files that the bank's housekeeping deletes
	undos   uint8  // renames that the bank loses in a power cut
	apart   bool   // two orders that have nothing to do with each other, on one connection
}

// What a message's part of the client is at; all of it is forgotten in a crash.
const (
	idle       uint8 = iota
	uploadSent       // the server has not begun
	uploadPart       // some octets are written
	uploadDone       // all are; nobody read them back yet
	uploadRead       // read back and compared
	renameNext       // the intent is committed, the rename is not sent
	renameSent
	renameHalf // linked, not yet unlinked
	renameGood // done; the reply is on its way
	renameBad  // refused; the reply is on its way
	lookedNone // temp was absent; the look at final comes next
	lookedTemp // temp was there
	readFinal  // something stood under final alone: reading it back
	readBoth   // under both
	sweepNext  // both were ours: the temp is to be removed
)

// Contents of a file at the bank.
const (
	absent uint8 = iota
	part
	whole
)

// message is one document, with everything of it that lies anywhere.
type message struct {
	state  uint8 // index into the states of the journal: durable
	intent uint8 // 1, 2: the temp that the intent names; durable
	sent   uint8 // intents so far: durable
	used   uint8 // temps made so far
	at     uint8 // of the client
	temp   [2]uint8
	final  uint8
	upload [2]uint8 // late uploads in an old server process: 1 not begun, 2 half way
	late   [2]uint8 // late renames
	half   [2]uint8 // late renames that have linked
	copies uint8    // that the bank took
	broken uint8    // it took a part
	answer uint8    // receipt: 1 accepted, 2 refused, 3 processed
}

// world is one state of the model.
type world struct {
	m                           [2]message // the arrest, its lifting
	online                      uint8
	cuts, kills, keeping, undos uint8 // budgets left
	early                       uint8 // the lifting was taken before its arrest
	wrong                       uint8 // a move that the table of arrows does not have
}

const model = int64(1000) // octets of the modelled envelope

func number(s journal.State) uint8 { return uint8(slices.Index(journal.States(), s)) }

// table is what the walk asks most often, by number.
type table struct {
	name    []journal.State
	allowed [16][16]bool
}

func newTable() *table {
	t := &table{name: journal.States()}
	for i, from := range t.name {
		for j, to := range t.name {
			t.allowed[i][j] = journal.Allowed(from, to, string(formats.KindOrder))
		}
	}
	return t
}

// walk is one exhaustive search.
type walk struct {
	course
	*table
	emit func(what string, m int, w world)

	held, sealed, sending, ambiguous, delivered, confirmed, rejected, suspect uint8
}

func newWalk(c course) *walk {
	return &walk{
		course: c, table: newTable(),
		held: number(journal.Held), sealed: number(journal.Sealed), sending: number(journal.Sending),
		ambiguous: number(journal.Ambiguous), delivered: number(journal.Delivered), confirmed: number(journal.Confirmed),
		rejected: number(journal.Rejected), suspect: number(journal.Suspect),
	}
}

func (k *walk) first() world {
	w := world{online: 1, cuts: k.cuts, kills: k.kills, keeping: k.keeping, undos: k.undos}
	w.m[0].state, w.m[1].state = k.sealed, k.held
	if k.apart {
		w.m[1].state = k.sealed
	}
	return w
}

// advance is the journal's compare-and-swap.
func (k *walk) advance(w *world, i int, from, to uint8) bool {
	if w.m[i].state != from {
		return false
	}
	if !k.allowed[from][to] {
		w.wrong = 1
	}
	w.m[i].state = to
	return true
}

// next emits every state that may follow.
func (k *walk) next(w world) {
	for i := range w.m {
		k.client(w, i)
		k.server(w, i)
		k.zombies(w, i)
		k.bank(w, i)
	}
	k.faults(w)
}

func (k *walk) client(w world, i int) {
	m := w.m[i]
	if m.state == k.held && (!k.rules.gate || rule.Released(k.name[w.m[0].state])) {
		n := w
		n.m[i].state = k.sealed // by way of Accepted
		k.emit("released", i, n)
	}
	if m.answer == 1 || m.answer == 2 {
		k.emit("receipt taken in", i, k.acknowledged(w, i))
	}
	if to, _ := rule.Overdue(k.name[m.state]); to != k.name[m.state] {
		n := w
		k.advance(&n, i, m.state, number(to))
		k.emit("deadline passes", i, n)
	}
	if m.at == uploadRead || !k.rules.verified && m.at >= uploadSent && m.at <= uploadDone {
		k.intent(w, i)
	}
	if w.online == 1 {
		k.deliver(w, i)
		k.resolve(w, i)
	}
}

func (k *walk) acknowledged(w world, i int) world {
	m := w.m[i]
	code := formats.StateAccepted
	if m.answer == 2 {
		code = formats.StateBadLogic
	}
	w.m[i].answer = 3
	if !rule.Answerable(k.name[m.state]) {
		return w // an orphan: set aside
	}
	for _, to := range rule.Acknowledge(k.name[m.state], code, int(m.sent)).Through {
		k.advance(&w, i, w.m[i].state, number(to))
	}
	return w
}

// intent commits the one intent; what of the upload is still under way goes on late.
func (k *walk) intent(w world, i int) {
	m := &w.m[i]
	if k.rules.oneTemp && m.intent != 0 && k.rules.unknown {
		return // the journal refuses a second temp
	}
	if m.at < uploadDone {
		m.upload[m.used-1] = m.at
	}
	if !k.advance(&w, i, k.sealed, k.sending) {
		return
	}
	m.intent, m.sent, m.at = m.used, m.sent+1, renameNext
	k.emit("intent committed", i, w)
}

func (k *walk) deliver(w world, i int) {
	m := &w.m[i]
	switch {
	case m.at == idle && m.state == k.sealed && m.used < 2 && k.mode != "": // held until it is written at once
		m.used++
		m.at = uploadRead
		k.emit("held in memory", i, w)
	case m.at == idle && m.state == k.sealed && m.used < 2:
		m.used++
		m.at = uploadSent
		k.emit("upload sent under a fresh temp", i, w)
	case m.at == uploadDone:
		m.at = uploadRead
		if m.temp[m.used-1] != whole {
			m.at = idle
		}
		k.emit("read back", i, w)
	case m.at == renameNext:
		m.at = renameSent
		if m.final != absent && k.mode != modeBlind {
			m.at = idle // the name is taken: nothing is sent
		}
		k.emit("rename sent", i, w)
	case m.at == renameGood:
		m.at = idle
		k.advance(&w, i, k.sending, k.delivered) // or the receipt was faster
		k.emit("delivery committed", i, w)
	case m.at == renameBad:
		k.believe(m)
		m.at = idle
		k.emit("rename refused", i, w)
	}
}

// believe is the mutation of R4: what was not acknowledged counts as not done.
func (k *walk) believe(m *message) {
	if !k.rules.unknown && m.state == k.sending {
		m.state = k.sealed
	}
}

func size(content uint8) *int64 {
	if content == absent {
		return nil
	}
	n := int64(content) * model / int64(whole)
	return &n
}

func (k *walk) resolve(w world, i int) {
	m := &w.m[i]
	doubtful := m.state == k.sending || m.state == k.ambiguous
	switch {
	case m.at == idle && doubtful:
		m.at = lookedNone
		switch m.temp[m.intent-1] {
		case part:
			k.follow(w, i, rule.Resolve(k.mode, k.policy, rule.Find(k.mode, rule.Sight{Temp: size(part)}, model), rule.Unread))
			return
		case whole:
			m.at = lookedTemp
		}
		k.emit("looks at temp", i, w)
	case m.at == lookedNone || m.at == lookedTemp:
		s := rule.Sight{Final: size(m.final)}
		if m.at == lookedTemp {
			s.Temp = size(whole)
		}
		found := rule.Find(k.mode, s, model)
		step := rule.Resolve(k.mode, k.policy, found, rule.Unread)
		if step.Step == rule.ReadBack {
			m.at += readFinal - lookedNone
			k.emit("looks at final", i, w)
			return
		}
		k.follow(w, i, step)
	case m.at == readFinal || m.at == readBoth:
		read := rule.Ours
		switch m.final {
		case absent:
			read = rule.Taken
		case part:
			read = rule.Foreign
		}
		n := model
		s := rule.Sight{Final: &n}
		if m.at == readBoth {
			s.Temp = &n
		}
		k.follow(w, i, rule.Resolve(k.mode, k.policy, rule.Find(k.mode, s, model), read))
	case m.at == sweepNext:
		m.at, m.temp[m.intent-1] = idle, absent
		k.settle(&w, i, k.delivered)
		k.emit("second name removed, delivery committed", i, w)
	}
}

// settle moves a document in doubt, unless the bank's receipt has moved it already.
func (k *walk) settle(w *world, i int, to uint8) {
	if s := w.m[i].state; (s == k.sending || s == k.ambiguous) && s != to {
		k.advance(w, i, s, to)
	}
}

func (k *walk) follow(w world, i int, next rule.Next) {
	m := &w.m[i]
	m.at = idle
	switch next.Step {
	case rule.Deliver:
		k.settle(&w, i, k.delivered)
		k.emit("delivery found and committed", i, w)
	case rule.SweepTemp:
		m.at = sweepNext
		k.emit("both names are ours", i, w)
	case rule.Doubt, rule.ReadBack:
		k.settle(&w, i, number(next.To))
		k.emit("doubt committed: "+string(next.To), i, w)
	case rule.Rename:
		if m.state != k.sending && m.state != k.ambiguous {
			k.emit("no rename: the receipt was faster", i, w)
			return
		}
		if !k.rules.oneTemp {
			m.state, m.intent = k.sealed, 0
			k.emit("to be uploaded again under another temp", i, w)
			return
		}
		if m.sent >= 3 {
			return // the budget of renames is spent
		}
		k.settle(&w, i, k.ambiguous)
		k.advance(&w, i, k.ambiguous, k.sending)
		m.sent, m.at = m.sent+1, renameNext
		k.emit("further intent for the same rename", i, w)
	}
}

// server is what the process at the other end of the living connection does.
func (k *walk) server(w world, i int) {
	m := &w.m[i]
	switch m.at {
	case uploadSent:
		m.temp[m.used-1], m.at = part, uploadPart
		k.emit("server writes a part", i, w)
	case uploadPart:
		m.at = uploadDone
		m.complete(m.used - 1)
		k.emit("server writes the rest", i, w)
	case renameSent:
		t := m.intent - 1
		switch {
		case k.mode != "":
			m.at = renameBad
			if m.final == absent {
				m.final, m.at = part, renameHalf
			}
		case m.temp[t] == absent || k.link && m.final != absent:
			m.at = renameBad
		case k.link:
			m.final, m.at = m.temp[t], renameHalf
		default:
			m.final, m.temp[t], m.at = m.temp[t], absent, renameGood
		}
		k.emit("server renames", i, w)
	case renameHalf:
		m.temp[m.intent-1], m.at = absent, renameGood
		m.rest(k.mode)
		k.emit("server unlinks, or writes the rest", i, w)
	}
}

// complete writes the rest of a file, under whatever name it lies by now.
func (m *message) complete(t uint8) {
	if m.temp[t] == part {
		m.temp[t] = whole
	}
	if m.final == part {
		m.final = whole
	}
}

// zombies are requests of a lost connection that the old server process carries out late.
func (k *walk) zombies(was world, i int) {
	for t := range uint8(2) {
		w := was
		m := &w.m[i]
		switch m.upload[t] {
		case 1:
			m.temp[t], m.upload[t] = part, 2
			k.emit("late upload writes a part", i, w)
		case 2:
			m.upload[t] = 0
			m.complete(t)
			k.emit("late upload writes the rest", i, w)
		}
		w = was
		if m.late[t] > 0 {
			m.late[t]--
			switch {
			case k.mode != "" && m.final == absent:
				m.final, m.half[t] = part, 1
			case k.mode != "":
			case m.temp[t] == absent || k.link && m.final != absent:
			case k.link:
				m.final, m.half[t] = m.temp[t], 1
			default:
				m.final, m.temp[t] = m.temp[t], absent
			}
			k.emit("late rename carried out", i, w)
		}
		w = was
		if m.half[t] > 0 {
			m.half[t], m.temp[t] = 0, absent
			m.rest(k.mode)
			k.emit("late unlink or rest carried out", i, w)
		}
	}
}

// rest ends a write under the final name.
func (m *message) rest(mode string) {
	if mode != "" && m.final == part {
		m.final = whole
	}
}

func (k *walk) bank(was world, i int) {
	w := was
	m := &w.m[i]
	if m.final == whole || m.final == part && k.mode == "" { // where it is written at once, a bank takes what is whole
		if m.final == part {
			m.broken = 1
		}
		if i == 1 && w.m[0].copies == 0 && !k.apart {
			w.early = 1
		}
		m.copies, m.final = m.copies+1, absent
		k.emit("bank takes the file", i, w)
	}
	w = was
	if m.copies > 0 && m.answer == 0 {
		m.answer = 1
		k.emit("bank accepts", i, w)
		m.answer = 2
		k.emit("bank refuses", i, w)
	}
	for t := range m.temp {
		w = was
		if m.temp[t] != absent && w.keeping > 0 {
			m.temp[t] = absent
			w.keeping--
			k.emit("bank's housekeeping deletes the temp", i, w)
		}
	}
	w = was
	if w.undos > 0 && m.intent > 0 && m.temp[m.intent-1] == absent && (m.final != absent || m.copies > 0) {
		m.temp[m.intent-1], m.final = whole, absent
		w.undos--
		k.emit("power cut at the bank undoes the rename", i, w)
	}
}

func (k *walk) faults(was world) {
	w := was
	if w.online == 0 {
		w.online = 1
		k.emit("reconnected", -1, w)
		return
	}
	if w.cuts > 0 {
		w.cuts--
		k.cut(&w, false)
		k.emit("client killed", -1, w)
		w = was
		w.cuts--
		k.cut(&w, true)
		k.emit("connection lost", -1, w)
	}
	w = was
	if w.kills > 0 {
		w.kills--
		k.cut(&w, true)
		for i := range w.m {
			w.m[i].upload, w.m[i].late, w.m[i].half = [2]uint8{}, [2]uint8{}, [2]uint8{}
		}
		k.emit("server processes killed", -1, w)
	}
}

// cut ends the connection; what was on its way may still be carried out.
func (k *walk) cut(w *world, noticed bool) {
	w.online = 0
	for i := range w.m {
		m := &w.m[i]
		switch m.at {
		case uploadSent, uploadPart:
			m.upload[m.used-1] = m.at
		case renameSent:
			m.late[m.intent-1]++
		case renameHalf:
			m.half[m.intent-1] = 1
		}
		if noticed && m.at >= renameSent && m.at <= renameBad {
			k.believe(m)
		}
		m.at = idle
	}
}

// violation names what is wrong with a state, or nothing.
func (k *walk) violation(w *world) string {
	for i := range w.m {
		m := &w.m[i]
		switch {
		case m.copies > 1:
			return "doubled"
		case m.broken > 0:
			return "the bank took a part of a file"
		case m.copies == 0 && (m.state == k.confirmed || m.state == k.rejected):
			return "lost: it counts as answered and the bank never had it"
		}
	}
	switch {
	case w.early > 0:
		return "overtaken: the bank took the lifting before its arrest"
	case w.wrong > 0:
		return "a move that the journal's table does not have"
	}
	return ""
}

// stuck names a document that nothing will ever move and nobody is told about.
func (k *walk) stuck(w *world) string {
	for i, m := range w.m {
		switch m.state {
		case k.confirmed, k.rejected, k.suspect:
			continue
		case k.held:
			if i == 1 && w.m[0].state != k.confirmed {
				continue
			}
		case k.sealed, k.sending:
			if m.used == 2 || m.sent == 3 {
				continue // the model's budget ends here, not the protocol
			}
		}
		return fmt.Sprintf("lost in silence: message %d stays %s", i, k.name[m.state])
	}
	return ""
}

// result is what a walk found.
type result struct {
	states, moves int
	violation     string
	trace         []string
}

// explore walks breadth first until everything was seen, a violation was met, or limit
// states were.
func explore[W comparable](first W, next func(W, func(string, int, W)), bad, end func(*W) string, limit int) result {
	type origin struct {
		from int32
		what string
		who  int8
	}
	seen := map[W]struct{}{first: {}}
	list, origins := []W{first}, []origin{{from: -1}}
	r := result{}
	fail := func(at int, why string) result {
		r.violation, r.states = why, len(list)
		for ; origins[at].from >= 0; at = int(origins[at].from) {
			r.trace = append(r.trace, fmt.Sprintf("%s [%d]", origins[at].what, origins[at].who))
		}
		slices.Reverse(r.trace)
		return r
	}
	for at := 0; at < len(list) && len(list) < limit; at++ {
		if why := bad(&list[at]); why != "" {
			return fail(at, why)
		}
		moved := false
		next(list[at], func(what string, who int, w W) {
			moved = true
			r.moves++
			if _, old := seen[w]; old {
				return
			}
			seen[w] = struct{}{}
			list, origins = append(list, w), append(origins, origin{int32(at), what, int8(who)})
		})
		if why := end(&list[at]); !moved && why != "" {
			return fail(at, why)
		}
	}
	r.states = len(list)
	return r
}

func (k *walk) explore(limit int) result {
	return explore(k.first(), func(w world, emit func(string, int, world)) {
		k.emit = emit
		k.next(w)
	}, k.violation, k.stuck, limit)
}

// longer tells whether the budgets are those of a run on demand: MODEL=1.
func longer() bool { return os.Getenv("MODEL") != "" }

// courses are the bounds within which everything is tried. A server that renames by link
// and unlink, or that may lose a rename in a power cut, has the policy hold: the issue of
// the other policy on it is a violation, which TestModelFindsWhatARuleForbids shows.
func courses() []course {
	list := []course{
		{title: "AtomicReissue", policy: rule.Reissue, cuts: 4, kills: 2},
		{title: "AtomicReissueHousekeeping", policy: rule.Reissue, cuts: 3, kills: 1, keeping: 1},
		{title: "LinkHold", policy: "hold", link: true, cuts: 4, kills: 2},
		{title: "LinkHoldPowerCut", policy: "hold", link: true, cuts: 2, kills: 1, keeping: 1, undos: 1},
		{title: "AtomicHoldPowerCut", policy: "hold", cuts: 3, kills: 1, keeping: 1, undos: 1},
		{title: "Direct", policy: "hold", mode: modeDirect, cuts: 6, kills: 3},
		{title: "Blind", policy: "hold", mode: modeBlind, cuts: 6, kills: 3},
		{title: "TwoOrdersAtomicReissue", policy: rule.Reissue, cuts: 1, apart: true},
		{title: "TwoOrdersLinkHold", policy: "hold", link: true, cuts: 1, apart: true},
	}
	for i := range list {
		list[i].rules = allRules()
		if longer() {
			list[i].kills++
			if !list[i].apart { // two orders at once are all pairs of what one can be at
				list[i].cuts++
			}
		}
	}
	return list
}

func TestModelOfDelivery(t *testing.T) {
	total := 0
	for _, c := range courses() {
		t.Run(c.title, func(t *testing.T) {
			r := newWalk(c).explore(1 << 30)
			total += r.states
			t.Logf("%d states, %d moves", r.states, r.moves)
			if r.violation != "" {
				t.Errorf("%s, after\n\t%s", r.violation, strings.Join(r.trace, "\n\t"))
			}
		})
	}
	t.Logf("%d states in all", total)
	if total < 1_000_000 {
		t.Errorf("%d states, want a million at least: the budgets shrank", total)
	}
}

// TestModelFindsWhatARuleForbids takes one rule out at a time. A check that finds nothing
// then would prove nothing when it is in.
func TestModelFindsWhatARuleForbids(t *testing.T) {
	for _, tt := range []struct {
		name   string
		course course
		out    func(*rulebook)
		want   string
	}{
		{"R1OneTemp", course{policy: rule.Reissue, cuts: 1}, func(r *rulebook) { r.oneTemp = false }, "doubled"},
		{"R2VerifiedBeforeIntent", course{policy: "hold"}, func(r *rulebook) { r.verified = false }, "a part of a file"},
		{"R4UnknownIsAState", course{policy: "hold", cuts: 1}, func(r *rulebook) { r.unknown = false }, "doubled"},
		{"R4IntoADropBox", course{policy: "hold", mode: modeBlind, cuts: 1}, func(r *rulebook) { r.unknown = false }, "doubled"},
		{"R9LiftingWaits", course{policy: "hold"}, func(r *rulebook) { r.gate = false }, "overtaken"},
		{"ReissueOnLinkAndUnlink", course{policy: rule.Reissue, link: true, cuts: 1}, func(*rulebook) {}, "doubled"},
		{"ReissueOnABankThatLosesRenames", course{policy: rule.Reissue, cuts: 1, undos: 1}, func(*rulebook) {}, "doubled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.course.rules = allRules()
			tt.out(&tt.course.rules)
			r := newWalk(tt.course).explore(2_000_000)
			if !strings.Contains(r.violation, tt.want) {
				t.Fatalf("%d states: violation %q, want one of %q\n\t%s", r.states, r.violation, tt.want, strings.Join(r.trace, "\n\t"))
			}
			t.Logf("%s, after\n\t%s", r.violation, strings.Join(r.trace, "\n\t"))
		})
	}
}

package flow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/flow/reading"
	"bankconnector/connector/flow/rule"
	"bankconnector/connector/journal"
	"bankconnector/crypto/cms"
	"bankconnector/formats"
)

// The simulation: the real flow, journal, store and formats against banks in memory. Each
// document draws no fault, one, or a pair of them; everything is drawn from one seed, so a
// failing world is replayed by its seed alone. Signatures are digests with a name, for
// they are not what is tried here and must be the same in every replay.

// seal stands for a signature: whose it is, and over what.
type seal string

func (s seal) over(content []byte) []byte {
	sum := sha256.Sum256(content)
	return []byte(string(s) + " " + hex.EncodeToString(sum[:]))
}

func (s seal) Verify(content, sig []byte, _ time.Time) cms.Verdict {
	if string(s.over(content)) != strings.TrimRight(string(sig), " ") {
		return cms.Verdict{Status: cms.UnknownSigner, Code: "unknown-signer"}
	}
	return cms.Verdict{Status: cms.Valid}
}

// simulation is one world.
type simulation struct {
	*office
	t       *testing.T
	seed    int64
	rnd     *mathrand.Rand
	banks   []*simBank
	plan    map[string][]string // by key of a document
	done    map[string][]string // replies that must reach the office, by document
	left    map[string][]byte   // what the office left, by bank and file name
	later   []func()            // what the office will still do
	said    map[string]bool     // by key and act: what persons have done
	without string              // the rule that the client breaks: a mutation
	dead    bool
	calm    bool // no faults any more
	fuse    int  // the process dies at this commit from now; 0: it does not
	breath  int  // it is told to stop at this request to a bank from now; 0: it is not
	halt    chan struct{}
	acting  map[string]func(key string) // what a person does in the middle of a visit, by fault
	count   int
	sweeps  []time.Time
	fired   map[string][]string // by key of a document; those of the whole house under ""
	log     []string

	exchanges int      // documents of the office in the journal
	wrong     []string // what the check found
}

// subject is the key of the document that a name or a text is about: its first number of
// nine digits or more.
func subject(text string) string {
	from := 0
	for i := range len(text) + 1 {
		if i < len(text) && text[i] >= '0' && text[i] <= '9' {
			continue
		}
		if i-from >= 9 {
			return text[from:i]
		}
		from = i + 1
	}
	return ""
}

// fires takes a fault out of a document's plan.
func (w *simulation) fires(name, fault string) bool {
	if w.calm {
		return false
	}
	key := subject(name)
	at := slices.Index(w.plan[key], fault)
	if at < 0 {
		return false
	}
	w.strike(key, at)
	return true
}

// next takes the first fault of an operation out of a document's plan.
func (w *simulation) next(name, op string) string {
	if w.calm {
		return ""
	}
	key := subject(name)
	for at, f := range w.plan[key] {
		if word, ok := strings.CutPrefix(f, op+": "); ok && word != fetchShort && word != claimGone {
			w.strike(key, at)
			return word
		}
	}
	return ""
}

func (w *simulation) strike(key string, at int) {
	fault := w.plan[key][at]
	w.plan[key] = slices.Delete(w.plan[key], at, at+1)
	w.fired[key] = append(w.fired[key], fault)
	w.note("%s: %s", key, fault)
}

// happens draws a fault of the whole house, once in n times.
func (w *simulation) happens(what string, n int) bool {
	if w.calm || w.dead || w.rnd.IntN(n) > 0 {
		return false
	}
	w.fired[""] = append(w.fired[""], what)
	w.note("%s", what)
	return true
}

func (w *simulation) accuse(format string, args ...any) {
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

func (w *simulation) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

// kill is a SIGKILL as the disk sees it: what is committed stays, nothing more is written.
func (w *simulation) kill() {
	if !w.dead {
		w.dead = true
		_ = w.Book.Close()
	}
}

// burn is called by every commit, before anything of it is written.
func (w *simulation) burn() {
	if w.fuse == 0 {
		return
	}
	if w.fuse--; w.fuse == 0 {
		w.dead = true
		panic("killed") // the journal rolls back and writes nothing more
	}
}

// tires is called by every request to a bank.
func (w *simulation) tires() {
	if w.breath == 0 {
		return
	}
	if w.breath--; w.breath == 0 {
		close(w.halt)
	}
}

// simDir is a folder in memory where there is one: a world lives seconds, and a disk would
// be asked to sync thousands of times for nothing.
func simDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "bankconnector-sim-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}

func newSimulation(t *testing.T, seed int64, documents int, without string) *simulation {
	t.Helper()
	w := &simulation{
		t: t, seed: seed, without: without, rnd: mathrand.New(mathrand.NewPCG(uint64(seed), 1)), plan: map[string][]string{}, done: map[string][]string{},
		left: map[string][]byte{}, fired: map[string][]string{}, said: map[string]bool{},
	}
	w.office = newOfficeIn(t, simDir(t), w.burn)
	w.Signer, w.SignedBy = w, "service"
	w.Verifier = func(b *banks.Bank) reading.Verifier { return seal(b.BIC) }
	w.Unique = func() string { w.count++; return "u" + strconv.Itoa(w.count) }
	w.Dial = w.call
	w.Batch = 1 + w.rnd.IntN(40)
	w.acting = map[string]func(string){personCancels: w.cancels, personDecides: w.intervenes}
	sampler := formats.NewSampler(seed, startTime)
	for _, f := range w.office.banks {
		s := &simBank{fakeBank: f, w: w, seal: seal(f.bank.BIC), tried: map[string]bool{}, sent: map[string][]byte{}, open: map[string]int{}, held: map[string][]byte{}, refused: map[string]bool{}}
		s.bank.Limits.Parallel = 1
		s.works(w.rnd.IntN(7))
		if w.rnd.IntN(4) == 0 {
			s.bank.Pickup.Mode = rule.Leave
		}
		s.last = w.rnd.IntN(2) == 0
		switch without {
		case "R1": // only who sends a rename again can send it from elsewhere
			s.bank.Delivery = banks.Delivery{Mode: "auto", UnknownOutcome: rule.Reissue}
		case "act": // and only such a server shows that it must not be sent again
			s.bank.Delivery, s.link = banks.Delivery{Mode: "auto", UnknownOutcome: "hold"}, true
		case "repeat":
			s.bank.Pickup.Mode = rule.Leave
		}
		w.note("bank %s: delivery %q, link and unlink %v, unknown outcome %s, pickup %s, last first %v",
			s.bank.BIC, s.bank.Delivery.Mode, s.link, s.bank.Delivery.UnknownOutcome, s.bank.Pickup.Mode, s.last)
		w.banks = append(w.banks, s)
		for _, sample := range sampler.Next(f.sample, documents) {
			w.draw(sample.Document.Key())
			w.submit(s, sample)
		}
	}
	return w
}

// call dials a bank, or for a mutation the wrong one.
func (w *simulation) call(_ context.Context, b *banks.Bank) (Mailbox, error) {
	if w.happens("bank is down", 30) {
		return nil, &fate.Failure{Op: "connect", Bank: b.BIC, Kind: fate.Transient, Err: errCut}
	}
	at := slices.IndexFunc(w.banks, func(s *simBank) bool { return s.bank.BIC == b.BIC })
	if w.without == "A3" {
		at = (at + 1) % len(w.banks)
	}
	return w.banks[at], nil
}

// draw gives a document no fault, one, or a pair. A death ends the whole visit, so it is
// drawn more seldom than what one document suffers alone.
func (w *simulation) draw(key string) {
	own, theirs, office := ownFaults(), bankFaults(), officeFaults()
	for range w.rnd.IntN(3) {
		list := own
		switch w.rnd.IntN(8) {
		case 0, 1, 2, 3:
			list = theirs
		case 4:
			list = office
		}
		f := list[w.rnd.IntN(len(list))]
		if strings.Contains(f, "kill") && w.rnd.IntN(2) == 0 {
			f = list[w.rnd.IntN(len(list))]
		}
		w.plan[key] = append(w.plan[key], f)
		if op, _, _ := strings.Cut(f, ":"); op == "look" || op == "read" || op == "sweep" {
			// Nobody looks without a doubt.
			w.plan[key] = append(w.plan[key], "publish: "+[]string{cutBefore, cutAfter, cutLate, cutHalf, killAfter}[w.rnd.IntN(5)])
		}
	}
	if harm := map[string][]string{"act": {"publish: " + cutHalf, receiptLost}, "R6": {"fetch: " + cutBefore}, "repeat": {rubbish}}[w.without]; harm != nil && w.rnd.IntN(2) == 0 {
		w.plan[key] = append(w.plan[key], harm...)
	}
	if w.without != "" && w.rnd.IntN(2) == 0 { // a mutation is sought where it would do harm
		w.plan[key] = append(w.plan[key], []string{"publish: " + cutLate, "publish: " + cutAfter, takesAtOnce}[w.rnd.IntN(3)])
	}
	w.note("%s draws %q", key, w.plan[key])
}

// submit leaves a document at the office's desk, with what befalls it there.
func (w *simulation) submit(s *simBank, sample formats.Sample) {
	key, bank := sample.Document.Key(), s.bank.BIC
	name := sample.Document.Kind().Prefix() + "_" + key + ".xml"
	w.leaveAt(bank, name, sample.XML)
	if w.fires(key, officeHalf) {
		must(w.t, os.WriteFile(w.in(bank, ".half_"+name), sample.XML[:len(sample.XML)/2], 0o600))
	}
	if w.fires(key, officeRepeats) {
		w.later = append(w.later, func() { w.leaveAt(bank, "again_"+name, sample.XML) })
	}
	if w.fires(key, officeStrays) {
		other := w.office.banks[0].bank.BIC
		if other == bank {
			other = w.office.banks[1].bank.BIC
		}
		w.later = append(w.later, func() { w.leaveAt(other, "stray_"+name, sample.XML) })
	}
	if o, ok := sample.Document.(*formats.Order); ok && w.fires(key, officeChanges) {
		changed := *o
		changed.DocNum += "-2"
		data, err := formats.Encode(&changed, "")
		must(w.t, err)
		w.later = append(w.later, func() { w.leaveAt(bank, "changed_"+name, data) })
	}
}

func (w *simulation) in(bank banks.ID, name string) string {
	return filepath.Join(w.dir, "office", "in", string(bank), name)
}

func (w *simulation) out(bank banks.ID) string {
	return filepath.Join(w.dir, "office", "out", string(bank))
}

func (w *simulation) leaveAt(bank banks.ID, name string, data []byte) {
	w.left[string(bank)+" "+name] = data
	must(w.t, w.Office.Submit(string(bank), name, data))
}

// Sign is our signature, and one more moment to die at.
func (w *simulation) Sign(_ context.Context, content []byte, _ time.Time) ([]byte, error) {
	if w.fires(string(content), "sign: "+killBefore) {
		w.kill()
		return nil, errCut
	}
	return seal("service").over(content), nil
}

// turn is one visit to each bank, a restart where we died, and then the banks' own doing.
func (w *simulation) turn() {
	for _, s := range w.banks {
		w.callOn(s)
		s.fault = nil
		s.later()
		if w.calm || w.rnd.IntN(3) > 0 {
			s.take()
		}
	}
	w.sweep()
	if len(w.later) > 0 && (w.calm || w.rnd.IntN(2) == 0) {
		for _, do := range w.later {
			do()
		}
		w.later = nil
	}
	if w.happens("a person acts", 4) {
		w.person()
	}
}

func (w *simulation) callOn(s *simBank) {
	if w.happens("dies at a commit", 8) {
		w.fuse = 1 + w.rnd.IntN(60)
	}
	w.breath, w.halt = 0, make(chan struct{})
	if w.Halt = w.halt; w.happens("told to stop", 15) {
		w.breath = 1 + w.rnd.IntN(20)
	}
	switch w.without {
	case "R9":
		w.letGo()
	case "repeat":
		w.roll.Forget(string(s.bank.BIC), nil)
	}
	back := w.happens("clock goes back", 40)
	if back {
		w.pass(-time.Hour)
	}
	w.rules(s.bank)
	waiting := w.waiting(s.bank.BIC)
	out := w.Visit(w.t.Context(), s.bank, Slot{Name: "sim"})
	s.rest = out
	w.note("visit %s: sent %d, taken %d, %v", s.bank.BIC, out.Sent, out.Taken, out.Err)
	w.fuse = 0
	if back {
		w.pass(time.Hour)
	}
	if w.dead {
		w.restart(s.bank.BIC, waiting)
	}
}

// rules draws what this visit may do: the bank may be suspended or still be tried, the
// journal be one that may only receive, or its heads not have left.
func (w *simulation) rules(b *banks.Bank) {
	b.State, w.Receive, w.MaySend = banks.StateActive, nil, nil
	switch {
	case w.happens("bank is suspended", 25):
		b.State = banks.StateSuspended
	case w.happens("bank is tried", 25):
		b.State = banks.StateTesting
	case w.happens("journal may only receive", 25):
		w.Receive = errors.New("put back from a copy")
	case w.happens("nothing may leave", 25):
		w.MaySend = func() error { return errors.New("heads cannot leave") }
	}
}

// restart is the next start of the daemon, after a kill or a power cut.
func (w *simulation) restart(bank banks.ID, waiting []string) {
	_, _ = w.Book.Close(), w.Store.Close() // a process that died holds nothing
	w.dead = false
	was := w.Courier // what it had in memory is gone as well
	w.Courier = &Courier{
		Signer: was.Signer, SignedBy: was.SignedBy, Verifier: was.Verifier, Others: was.Others, Deadline: was.Deadline,
		Dial: was.Dial, Now: was.Now, Unique: was.Unique, Log: was.Log, Batch: was.Batch, Store: was.Store, Book: was.Book,
	}
	if w.happens("power cut", 2) {
		w.forget(bank, waiting)
	}
	w.open(w.t, false)
	w.note("restarted")
}

// waiting lists what lies at the office's desk for a bank.
func (w *simulation) waiting(bank banks.ID) (names []string) {
	if w.calm {
		return nil
	}
	entries, err := os.ReadDir(w.in(bank, ""))
	must(w.t, err)
	for _, e := range entries {
		if w.left[string(bank)+" "+e.Name()] != nil {
			names = append(names, e.Name())
		}
	}
	return names
}

// forget undoes what no sync has made durable: that office files were taken and dropped.
// Each of them is back under its name, or is not.
func (w *simulation) forget(bank banks.ID, waiting []string) {
	for _, name := range waiting {
		if _, err := os.Lstat(w.in(bank, name)); err == nil || w.rnd.IntN(2) == 0 {
			continue
		}
		taken, err := filepath.Glob(w.in(bank, ".taken/*"+name))
		must(w.t, err)
		for _, path := range taken {
			must(w.t, os.Remove(path))
		}
		must(w.t, os.WriteFile(w.in(bank, name), w.left[string(bank)+" "+name], 0o600))
		w.note("%s is back", name)
	}
}

// letGo breaks R9: whatever waits for its base is let go.
func (w *simulation) letGo() {
	held, err := w.Book.Find(w.t.Context(), journal.Filter{States: []journal.State{journal.Held}})
	must(w.t, err)
	for _, x := range held {
		must(w.t, w.Book.Write(w.t.Context(), "mutation", func(tx *journal.Tx) error {
			return tx.Advance(x.ID, journal.Held, journal.Accepted, journal.Change{Reason: "let go"})
		}))
	}
}

func (w *simulation) sweep() {
	must(w.t, w.Sweep(w.t.Context()))
	w.sweeps = append(w.sweeps, w.clock())
}

func (w *simulation) run() {
	for range simTurns {
		w.turn()
		w.pass(time.Duration(w.rnd.IntN(60)) * time.Minute)
	}
	w.calm = true
	w.talk(8)
	w.silence()
	if w.settled() { // by persons, and now it must come to an end
		w.talk(6)
		w.silence()
	}
}

// talk is turns without faults, as long as anybody has something to say, and one at the end:
// by then a file that was cut short is out of time.
func (w *simulation) talk(turns int) {
	said := true
	for i := range turns {
		if said || i == turns-1 {
			w.turn()
		}
		w.pass(20 * time.Minute)
		said = len(w.later) > 0 || slices.ContainsFunc(w.banks, (*simBank).talks)
	}
}

// silence is two days in which every deadline passes.
func (w *simulation) silence() {
	w.pass(48 * time.Hour)
	w.turn()
	w.sweep()
}

// The size of a world: documents for each of its two banks, and turns with faults.
const (
	simDocuments = 24
	simTurns     = 12
)

// simWorld walks one world to its end and tells what was wrong in it.
func simWorld(t *testing.T, seed int64, documents int, without string) *simulation {
	t.Helper()
	w := newSimulation(t, seed, documents, without)
	w.run()
	w.check()
	return w
}

// TestSimulation walks as many worlds as SIM_EXCHANGES (documents) asks for, from the seed
// SIM_SEED on. A failing world prints the command that replays it alone.
func TestSimulation(t *testing.T) {
	worlds := max(1, setting("SIM_EXCHANGES", 240)/(2*simDocuments))
	from := setting("SIM_SEED", 1)
	var sum tally
	for seed := from; seed < from+worlds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := simWorld(t, seed, simDocuments, "")
			sum.add(w)
			if len(w.wrong) > 0 {
				t.Errorf("%s\nreplay: SIM_SEED=%d SIM_EXCHANGES=1 go test -count=1 -run TestSimulation$ ./connector/flow\n%s",
					strings.Join(w.wrong, "\n"), seed, strings.Join(w.log, "\n"))
			}
		})
	}
	sum.report(t, from, worlds)
}

// TestSimulationSeesADouble gives banks the one profile that the rules warn of: the same
// rename again, to a server that links and unlinks. A check that is content with that
// would be content with anything.
func TestSimulationSeesADouble(t *testing.T) {
	w := newSimulation(t, 1, 4, "")
	for _, s := range w.banks {
		s.bank.Delivery.Mode, s.link, s.bank.Delivery.UnknownOutcome = "", true, rule.Reissue
	}
	for key := range w.plan {
		w.plan[key] = []string{"publish: " + cutHalf, takesAtOnce}
	}
	w.run()
	w.check()
	if !slices.ContainsFunc(w.wrong, func(s string) bool { return strings.HasPrefix(s, "doubled") }) {
		t.Errorf("every rename was cut in half and sent again, and the check found only %q", w.wrong)
	}
}

func TestSimulationRepeatsItself(t *testing.T) {
	var logs [2][]string
	for i := range logs {
		w := newSimulation(t, 7, 12, "")
		w.run()
		logs[i] = w.log
		must(t, w.Book.Close())
	}
	if !slices.Equal(logs[0], logs[1]) {
		for i, line := range logs[0] {
			if i >= len(logs[1]) || logs[1][i] != line {
				t.Fatalf("the same seed went another way at line %d:\n%s\n%s", i, line, strings.Join(logs[1][i:], "\n"))
			}
		}
		t.Fatal("the second run of the same seed went on longer")
	}
}

func setting(name string, otherwise int64) int64 {
	if n, err := strconv.ParseInt(os.Getenv(name), 10, 64); err == nil {
		return n
	}
	return otherwise
}

// TestSimulationFindsWhatARuleForbids lets the client around the real code break one rule
// at a time, at the place where the model's client does. Worlds that end well all the
// same would prove nothing when it does not.
func TestSimulationFindsWhatARuleForbids(t *testing.T) {
	const bound = 25 // worlds
	for _, tt := range []struct{ without, want string }{
		{"R1", "doubled"},      // the same rename again, but from a new temp
		{"R2", "a part"},       // the intent without the read-back
		{"R4", "doubled"},      // a lost answer taken for a no
		{"R6", "lost"},         // a name removed before its bytes are recorded
		{"R9", "overtaken"},    // a lifting before its base is confirmed
		{"A3", "misdirected"},  // a connection to another bank
		{"act", "doubled"},     // a person's resend, where a second rename can double
		{"word", "doubled"},    // a person's word that the bank does not have it, without asking
		{"repeat", "restless"}, // what stays at the bank and is known, forgotten
	} {
		t.Run(tt.without, func(t *testing.T) {
			t.Parallel()
			for seed := int64(1); seed <= bound; seed++ {
				w := simWorld(t, seed, 12, tt.without)
				if at := slices.IndexFunc(w.wrong, func(s string) bool { return strings.HasPrefix(s, tt.want) }); at >= 0 {
					t.Logf("world %d: %s", seed, w.wrong[at])
					return
				}
			}
			t.Errorf("%d worlds without %s, and the check saw nothing %s", bound, tt.without, tt.want)
		})
	}
}

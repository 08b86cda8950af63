package flow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/flow/reading"
	"bankconnector/connector/flow/rule"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
	"bankconnector/crypto/cms"
	"bankconnector/formats"
	"bankconnector/formats/envelope"
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

// Faults of one operation on one document. The words name them in a failure.
const (
	cutBefore   = "cut before"   // the request never arrives
	cutAfter    = "cut after"    // carried out, the reply is lost
	cutLate     = "cut, late"    // carried out at some later time
	cutHalf     = "cut in half"  // linked and not unlinked; another operation: as cutAfter
	killBefore  = "kill before"  // our process dies
	killAfter   = "kill after"   // it dies when the effect has taken place
	diskStrange = "short answer" // an error without an effect that the server names
)

// Faults of the bank for one document.
const (
	takesAtOnce  = "bank takes at once"
	housekeeping = "bank deletes the temp"
	powerCut     = "bank loses the rename"
	receiptLost  = "receipt never comes"
	receiptLate  = "receipt comes late"
	refused      = "bank refuses"
	duplicate    = "bank calls it a duplicate"
	replyTwice   = "reply comes twice"
	replyAnew    = "reply comes signed anew"
	replyHalf    = "reply is half written"
	replyStrayed = "reply lies at another bank"
	replyFirst   = "reply comes before the receipt"
	lateNegative = "refusal after acceptance"
	wrongSigner  = "reply of a stranger's hand"
)

func ownFaults() []string {
	var list []string
	for _, op := range []string{"upload", "publish", "look", "read", "sweep", "claim", "fetch", "discard"} {
		for _, f := range []string{cutBefore, cutAfter, cutLate, cutHalf, killBefore, killAfter} {
			list = append(list, op+": "+f)
		}
	}
	return append(list, "upload: "+diskStrange, "sign: "+killBefore)
}

func bankFaults() []string {
	return []string{
		takesAtOnce, housekeeping, powerCut, receiptLost, receiptLate, refused, duplicate, replyTwice, replyAnew,
		replyHalf, replyStrayed, replyFirst, lateNegative, wrongSigner,
	}
}

// simBank is a fake bank that keeps to the plan of its documents.
type simBank struct {
	*fakeBank
	w    *simulation
	seal seal
	link bool     // renames by link and unlink
	late []func() // requests of lost connections
	mail []func() // what the bank will still leave
	took []string // keys of documents in the order taken
}

// simulation is one world.
type simulation struct {
	*office
	t     *testing.T
	rnd   *mathrand.Rand
	banks []*simBank
	plan  map[string][]string // by key of a document
	done  map[string][]string // replies that must reach the office, by document
	dead  bool
	calm  bool // no faults any more
	count int
	log   []string
	wrong []string // what the check found
}

var subjectOf = regexp.MustCompile(`[0-9]{9,}`)

// fires takes a fault out of a document's plan.
func (w *simulation) fires(name, fault string) bool {
	key := subjectOf.FindString(name)
	at := slices.Index(w.plan[key], fault)
	if w.calm || at < 0 {
		return false
	}
	w.plan[key] = slices.Delete(w.plan[key], at, at+1)
	w.note("%s: %s", key, fault)
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

// try does one operation of the bank's server as the plan wants it.
func (s *simBank) try(op, name string, do func(half bool) error) error {
	w, late := s.w, false
	half, apply, err := false, true, error(nil)
	switch {
	case w.dead:
		apply, err = false, errCut
	case w.fires(name, op+": "+cutBefore):
		apply, err = false, errCut
	case w.fires(name, op+": "+cutAfter):
		err = errCut
	case w.fires(name, op+": "+cutLate):
		apply, late, err = false, true, errCut
	case w.fires(name, op+": "+cutHalf):
		half, err = true, errCut
	case w.fires(name, op+": "+killBefore):
		apply, err = false, errCut
		w.kill()
	case w.fires(name, op+": "+killAfter):
		err = errCut
		w.kill()
	case w.fires(name, op+": "+diskStrange):
		apply, err = false, errors.New("quota exceeded")
	}
	s.fault = func(string) (bool, error) { return apply, err }
	if late {
		s.late = append(s.late, func() { _ = do(false) })
	}
	return s.act(op, func() error { return do(half) })
}

func (s *simBank) Upload(_ context.Context, temp, final string, data []byte) error {
	if s.marks() {
		temp = final
	}
	return s.try("upload", final, func(half bool) error {
		if _, shown := s.to[final+doneMark]; s.marks() && !shown {
			delete(s.to, final) // a leftover of an interrupted upload
		}
		if _, ok := s.to[temp]; ok {
			return os.ErrExist
		}
		if half {
			data = data[:len(data)/2]
		}
		s.to[temp] = data
		return nil
	})
}

func (s *simBank) Publish(_ context.Context, temp, final string) error {
	if s.marks() {
		temp = final
	}
	err := s.try("publish", final, func(half bool) error {
		if _, ok := s.to[final+doneMark]; s.marks() && !ok {
			s.to[final+doneMark] = nil
			return nil
		}
		data, ok := s.to[temp]
		if !ok {
			return os.ErrNotExist
		}
		if _, ok := s.to[final]; ok && s.link {
			return os.ErrExist
		}
		s.to[final] = data
		if !half || !s.link {
			delete(s.to, temp)
		}
		return nil
	})
	if s.w.fires(final, takesAtOnce) {
		s.take()
	}
	if s.w.fires(final, housekeeping) {
		delete(s.to, temp)
	}
	if !s.reissues() && !s.marks() && s.w.fires(final, powerCut) {
		if data, ok := s.to[final]; ok {
			s.to[temp] = data
			delete(s.to, final)
		}
	}
	return err
}

// doneMark is the end of a marker's name.
const doneMark = ".done"

// marks tells that a document is finished when its marker is there, not by its name.
func (s *simBank) marks() bool { return s.bank.Delivery.Mode == "marker" }

func (s *simBank) reissues() bool { return s.bank.Delivery.UnknownOutcome == rule.Reissue }

func (s *simBank) Look(ctx context.Context, temp, final string) (sight Sight, err error) {
	err = s.try("look", final, func(bool) error {
		s.fault = nil
		return nil
	})
	if err != nil {
		return sight, err
	}
	if s.marks() {
		temp, final = final, final+doneMark
	}
	return s.fakeBank.Look(ctx, temp, final)
}

func (s *simBank) Read(ctx context.Context, final string, limit int64) ([]byte, error) {
	if err := s.try("read", final, func(bool) error { s.fault = nil; return nil }); err != nil {
		return nil, err
	}
	return s.fakeBank.Read(ctx, final, limit)
}

func (s *simBank) Sweep(_ context.Context, temp string) error {
	return s.try("sweep", temp, func(bool) error { delete(s.to, temp); return nil })
}

func (s *simBank) Leftovers(ctx context.Context) ([]File, error) {
	s.fault = nil
	list, err := s.fakeBank.Leftovers(ctx)
	slices.SortFunc(list, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return list, err
}

func (s *simBank) List(ctx context.Context) (Listing, error) {
	s.fault = nil
	l, err := s.fakeBank.List(ctx)
	byName := func(a, b File) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(l.Files, byName)
	slices.SortFunc(l.Claimed, byName)
	return l, err
}

func (s *simBank) Claim(_ context.Context, name, claimed string) error {
	return s.try("claim", name, func(bool) error { return rename(s.from, s.claimed, name, claimed) })
}

func (s *simBank) Fetch(ctx context.Context, claimed string, size int64) ([]byte, error) {
	if err := s.try("fetch", claimed, func(bool) error { s.fault = nil; return nil }); err != nil {
		return nil, err
	}
	if data, ok := s.from[claimed]; ok && s.bank.Pickup.Mode == rule.Leave {
		return data, nil
	}
	return s.fakeBank.Fetch(ctx, claimed, size)
}

func (s *simBank) Discard(_ context.Context, claimed string) error {
	return s.try("discard", claimed, func(bool) error { delete(s.claimed, claimed); return nil })
}

// take is the bank's software: it reads what lies there and plans its answers.
func (s *simBank) take() {
	t := s.w.t
	for _, name := range slices.Sorted(maps.Keys(s.to)) {
		_, marked := s.to[name+doneMark]
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, doneMark) || s.marks() && !marked {
			continue
		}
		delete(s.to, name+doneMark)
		a := arrival{name, s.to[name]}
		delete(s.to, name)
		s.taken = append(s.taken, a)
		doc := s.open(t, a)
		if doc.Kind() == formats.KindReceipt {
			continue
		}
		s.took = append(s.took, doc.Key())
		s.answer(doc, a)
	}
}

// answer plans what the bank leaves for a document.
func (s *simBank) answer(doc formats.Document, a arrival) {
	w, key := s.w, doc.Key()
	state, positive := formats.StateAccepted, true
	switch {
	case w.fires(key, refused):
		state, positive = formats.StateBadLogic, false
	case w.fires(key, duplicate):
		state, positive = formats.StateDuplicate, false
	}
	receipt := func() { s.leave(s.receipt(key, a, state), "", s.seal) }
	silent := w.fires(key, receiptLost)
	switch {
	case silent:
	case w.fires(key, receiptLate):
		s.mail = append(s.mail, receipt)
	case w.fires(key, replyFirst):
		defer func() { s.mail = append(s.mail, receipt) }()
	default:
		receipt()
	}
	if positive && w.fires(key, lateNegative) {
		r := s.receipt(key, a, formats.StateBadLogic).(*formats.Receipt)
		r.ReceiptID = "N" + key
		s.mail = append(s.mail, func() { s.leave(r, "", s.seal) })
	}
	if !positive || silent && w.rnd.IntN(2) == 0 {
		return
	}
	for _, reply := range s.replies(doc) {
		s.reply(key, reply)
	}
}

// reply leaves a report or an answer, with whatever befalls it.
func (s *simBank) reply(key string, doc formats.Document) {
	w := s.w
	name, data := s.wrap(doc, "", s.seal)
	switch {
	case w.fires(key, replyStrayed):
		other := w.banks[0]
		if other == s {
			other = w.banks[1]
		}
		other.put(name, data)
	case w.fires(key, wrongSigner):
		s.leave(doc, "", "stranger")
	case w.fires(key, replyHalf):
		s.put(name, data[:len(data)/2])
		s.mail = append(s.mail, func() { s.finish(name, data) })
	}
	w.done[key] = append(w.done[key], name)
	s.mail = append(s.mail, func() { s.put(name, data) })
	if w.fires(key, replyTwice) {
		s.mail = append(s.mail, func() { s.put(name, data) })
	}
	if w.fires(key, replyAnew) {
		s.mail = append(s.mail, func() { s.leave(doc, " ", s.seal) })
	}
}

// finish goes on writing a half file, wherever it lies by now.
func (s *simBank) finish(name string, data []byte) {
	for claimed := range s.claimed {
		if bankName(claimed) == name {
			s.claimed[claimed] = data
		}
	}
	if _, ok := s.from[name]; ok {
		s.from[name] = data
	}
}

func (s *simBank) leave(doc formats.Document, extra string, by seal) {
	name, data := s.wrap(doc, extra, by)
	s.put(name, data)
}

func (s *simBank) wrap(doc formats.Document, extra string, by seal) (string, []byte) {
	data, err := formats.Encode(doc, "")
	must(s.w.t, err)
	sig := by.over(data)
	stem := doc.Kind().Prefix() + "_" + doc.Key()
	file, err := envelope.Seal([]envelope.Entry{{Name: stem + ".xml", Data: data}, {Name: stem + ".xml.sig", Data: append(sig, extra...)}})
	must(s.w.t, err)
	return stem + ".zip", file
}

// later carries out what is still on its way, in an order drawn from the seed.
func (s *simBank) later() {
	for _, list := range []*[]func(){&s.late, &s.mail} {
		for range len(*list) {
			if !s.w.calm && s.w.rnd.IntN(3) == 0 {
				continue
			}
			at := s.w.rnd.IntN(len(*list))
			act := (*list)[at]
			*list = slices.Delete(*list, at, at+1)
			act()
		}
	}
}

func newSimulation(t *testing.T, seed int64, documents int) *simulation {
	t.Helper()
	w := &simulation{t: t, rnd: mathrand.New(mathrand.NewPCG(uint64(seed), 1)), plan: map[string][]string{}, done: map[string][]string{}}
	w.office = newOffice(t)
	w.Signer, w.SignedBy = w, "service"
	w.Verifier = func(b *banks.Bank) reading.Verifier { return seal(b.BIC) }
	w.Unique = func() string { w.count++; return "u" + strconv.Itoa(w.count) }
	w.Dial = func(_ context.Context, b *banks.Bank) (Mailbox, error) {
		return w.banks[slices.IndexFunc(w.banks, func(s *simBank) bool { return s.bank.BIC == b.BIC })], nil
	}
	sampler := formats.NewSampler(seed, startTime)
	for _, f := range w.office.banks {
		s := &simBank{fakeBank: f, w: w, seal: seal(f.bank.BIC)}
		s.bank.Limits.Parallel = 1
		switch w.rnd.IntN(4) {
		case 0:
			s.bank.Delivery.UnknownOutcome = rule.Reissue
		case 1:
			s.link = true
		case 2:
			s.bank.Delivery.Mode = "marker"
		}
		if w.rnd.IntN(4) == 0 {
			s.bank.Pickup.Mode = rule.Leave
		}
		w.note("bank %s: delivery %q, link and unlink %v, unknown outcome %s, pickup %s",
			s.bank.BIC, s.bank.Delivery.Mode, s.link, s.bank.Delivery.UnknownOutcome, s.bank.Pickup.Mode)
		w.banks = append(w.banks, s)
		for _, sample := range sampler.Next(f.sample, documents) {
			key := sample.Document.Key()
			w.draw(key)
			must(t, w.Office.Submit(string(f.bank.BIC), sample.Document.Kind().Prefix()+"_"+key+".xml", sample.XML))
		}
	}
	return w
}

// draw gives a document no fault, one, or a pair.
func (w *simulation) draw(key string) {
	own, theirs := ownFaults(), bankFaults()
	for range w.rnd.IntN(3) {
		if w.rnd.IntN(2) == 0 {
			w.plan[key] = append(w.plan[key], own[w.rnd.IntN(len(own))])
		} else {
			w.plan[key] = append(w.plan[key], theirs[w.rnd.IntN(len(theirs))])
		}
	}
	w.note("%s draws %q", key, w.plan[key])
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
		out := w.Visit(w.t.Context(), s.bank, Slot{Name: "sim"})
		w.note("visit %s: sent %d, taken %d, %v", s.bank.BIC, out.Sent, out.Taken, out.Err)
		if w.dead {
			w.dead = false
			w.open(w.t, false)
			w.note("restarted")
		}
		s.fault = nil
		s.later()
		if w.calm || w.rnd.IntN(3) > 0 {
			s.take()
		}
	}
	must(w.t, w.Sweep(w.t.Context()))
}

func (w *simulation) run() {
	for range 6 {
		w.turn()
		w.pass(time.Duration(w.rnd.IntN(180)) * time.Minute)
	}
	w.calm = true
	for range 8 {
		w.turn()
		w.pass(20 * time.Minute)
	}
	w.pass(48 * time.Hour)
	w.turn()
	must(w.t, w.Sweep(w.t.Context()))
}

// check holds what happened against the promise.
func (w *simulation) check() {
	t := w.t
	for _, s := range w.banks {
		for _, a := range s.taken {
			if err := w.Store.Check(t.Context(), spool.Digest(a.data)); err != nil {
				w.accuse("bank %s took bytes of %s that were never sealed: %v", s.bank.BIC, a.name, err)
			}
		}
		at := map[string]int{}
		for i, key := range s.took {
			if first, twice := at[key]; twice {
				w.accuse("doubled: bank %s took %s at %d and %d", s.bank.BIC, key, first, i)
			}
			at[key] = i
			if x, err := w.Book.ByKey(t.Context(), "office", key); err != nil || x.Bank != string(s.bank.BIC) {
				w.accuse("misdirected: bank %s took %s, which the office left for bank %s (%v)", s.bank.BIC, key, x.Bank, err)
			}
		}
		outbox := w.outbox(t, s.fakeBank)
		list, err := w.Book.Find(t.Context(), journal.Filter{Bank: string(s.bank.BIC), Kinds: []string{"order", "query"}})
		must(t, err)
		for _, x := range list {
			w.checkDocument(s, x, at)
			for _, name := range w.done[x.InternalKey] {
				_, handed := outbox[strings.TrimSuffix(name, ".zip")+".json"]
				// A bank that first refuses and then replies contradicts itself: a person decides.
				if !handed && (x.State != journal.Rejected || !strings.Contains(w.quarantined(t, s.fakeBank), name)) {
					w.accuse("lost: reply %s of bank %s never reached the office", name, s.bank.BIC)
				}
			}
		}
		if len(list) == 0 || len(s.claimed) > 0 || len(s.from) > 0 && s.bank.Pickup.Mode != rule.Leave {
			w.accuse("bank %s: %d documents in the journal, %d files left claimed and %d unclaimed", s.bank.BIC, len(list), len(s.claimed), len(s.from))
		}
	}
	w.wrong = append(w.wrong, w.verify(t)...)
}

func (w *simulation) checkDocument(s *simBank, x journal.Exchange, at map[string]int) {
	place, taken := at[x.InternalKey]
	if base, ok := at[x.BaseKey]; taken && x.BaseKey != "" && (!ok || base > place) {
		w.accuse("overtaken: bank %s took %s before its base %s", s.bank.BIC, x.InternalKey, x.BaseKey)
	}
	switch x.State {
	case journal.Confirmed, journal.Answered, journal.Closed, journal.Rejected:
		if !taken {
			w.accuse("lost: %s is %s and bank %s never had it", x.InternalKey, x.State, s.bank.BIC)
		}
	case journal.Held:
		if base, err := w.Book.ByKey(w.t.Context(), "office", x.BaseKey); err == nil && rule.Released(base.State) {
			w.accuse("%s is held, and its base is %s", x.InternalKey, base.State)
		}
	case journal.Suspect:
	case journal.Accepted, journal.Sealed, journal.Sending, journal.Ambiguous, journal.Delivered, journal.Refused, journal.Cancelled:
		w.accuse("%s is still %s (%s): nobody was told", x.InternalKey, x.State, x.Reason)
	}
	if x.DueAt != nil && x.State.Open() && x.DueAt.Before(w.clock()) && !w.alarmed(x.ID) {
		w.accuse("silence: %s is %s, was due %s, and no alarm was raised", x.InternalKey, x.State, x.DueAt)
	}
}

func (w *simulation) alarmed(id int64) bool {
	events, err := w.Book.Events(w.t.Context(), id)
	must(w.t, err)
	return slices.ContainsFunc(events, func(e journal.Event) bool { return strings.HasPrefix(e.Kind, "alarm.") })
}

// simDocuments is how many documents each of the two banks of a world gets.
const simDocuments = 12

// simRounds counts the repetitions of go test -count, so that each walks other seeds.
var simRounds atomic.Int64

// TestSimulation walks as many worlds as SIM_EXCHANGES (documents) asks for, from the seed
// SIM_SEED on. A failing world prints the command that replays it alone.
func TestSimulation(t *testing.T) {
	worlds := max(1, setting("SIM_EXCHANGES", simExchanges)/(2*simDocuments))
	from := setting("SIM_SEED", 1) + (simRounds.Add(1)-1)*worlds
	for seed := from; seed < from+worlds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newSimulation(t, seed, simDocuments)
			w.run()
			w.check()
			if len(w.wrong) > 0 || t.Failed() {
				t.Errorf("%s\nreplay: SIM_SEED=%d SIM_EXCHANGES=1 go test -count=1 -run TestSimulation ./connector/flow\n%s",
					strings.Join(w.wrong, "\n"), seed, strings.Join(w.log, "\n"))
			}
		})
	}
}

// TestSimulationSeesADouble gives banks the one profile that the rules warn of: the same
// rename again, to a server that links and unlinks. A check that is content with that
// would be content with anything.
func TestSimulationSeesADouble(t *testing.T) {
	w := newSimulation(t, 1, 4)
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
		w := newSimulation(t, 7, simDocuments)
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

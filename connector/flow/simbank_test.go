package flow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"bankconnector/connector/flow/claim"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/flow/rule"
	"bankconnector/formats"
	"bankconnector/formats/envelope"
)

// Faults of one operation on one document. The words name them in a failure.
const (
	cutBefore   = "cut before"   // the request never arrives
	cutAfter    = "cut after"    // carried out, the reply is lost
	cutLate     = "cut, late"    // carried out at some later time
	cutHalf     = "cut in half"  // linked and not unlinked; another operation: as cutAfter
	killBefore  = "kill before"  // our process dies
	killAfter   = "kill after"   // it dies when the effect has taken place
	diskStrange = "short answer" // an error without an effect that the server names
	fetchShort  = "cut short"    // half the bytes, and no error
	claimGone   = "taken back"   // the bank withdraws its file and leaves it again later
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
	replyChanged = "reply comes with other content"
	orphan       = "receipt for what was never sent"
	rubbish      = "a file that is none"
	emptyFile    = "an empty file"
)

// Faults of the office for one document.
const (
	officeRepeats = "office leaves it again"
	officeChanges = "office leaves it with other content"
	officeHalf    = "office is still writing"
	officeStrays  = "office leaves it for another bank too"
)

// Acts of a person in the middle of a visit.
const (
	personCancels = "a person cancels it while it is uploaded"
	personDecides = "a person decides about it meanwhile"
)

func officeFaults() []string {
	return []string{officeRepeats, officeChanges, officeHalf, officeStrays, personCancels, personDecides}
}

func ownFaults() []string {
	var list []string
	for _, op := range []string{"upload", "publish", "look", "read", "sweep", "claim", "fetch", "discard"} {
		for _, f := range []string{cutBefore, cutAfter, cutLate, cutHalf, killBefore, killAfter} {
			list = append(list, op+": "+f)
		}
	}
	return append(list, "upload: "+diskStrange, "fetch: "+fetchShort, "claim: "+claimGone, "sign: "+killBefore)
}

func bankFaults() []string {
	return []string{
		takesAtOnce, housekeeping, powerCut, receiptLost, receiptLate, refused, duplicate, replyTwice, replyAnew,
		replyHalf, replyStrayed, replyFirst, lateNegative, wrongSigner, replyChanged, orphan, rubbish, emptyFile,
	}
}

// simBank is a fake bank that keeps to the plan of its documents.
type simBank struct {
	*fakeBank
	w       *simulation
	seal    seal
	link    bool              // renames by link and unlink
	last    bool              // takes the last name first
	late    []func()          // requests of lost connections
	open    map[string]int    // how many of them are about a document
	held    map[string][]byte // of a bank whose files are written at once: what Upload was given
	mail    []func()          // what the bank will still leave
	rest    Outcome           // of the last visit
	took    []string          // keys of documents in the order taken
	refused map[string]bool   // by key

	tried map[string]bool   // final names that a rename was sent for; only a mutation asks
	sent  map[string][]byte // and what was uploaded for them
}

// talks tells whether a bank has something to say or to take, or its last visit was not idle.
func (s *simBank) talks() bool {
	return s.rest.Err != nil || s.rest.Sent+s.rest.Taken > 0 || len(s.mail)+len(s.late)+len(s.to)+len(s.claimed) > 0
}

// try does one operation of the bank's server as the plan wants it.
func (s *simBank) try(op, name string, do func(half bool) error) error {
	w, late := s.w, false
	half, apply, err := false, true, error(nil)
	fault := ""
	if !w.dead {
		if op != "upload" && op != "claim" && w.fires(name, personDecides) {
			w.acting[personDecides](subject(name))
		}
		w.tires()
		fault = w.next(name, op)
	}
	switch fault {
	case cutBefore, killBefore:
		apply, err = false, errCut
	case cutAfter, killAfter:
		err = errCut
	case cutLate:
		apply, late, err = false, true, errCut
	case cutHalf:
		half, err = true, errCut
	case diskStrange:
		apply, err = false, errors.New("quota exceeded")
	}
	if fault == killBefore || fault == killAfter {
		w.kill()
	} else if w.dead {
		apply, err = false, errCut
	}
	s.fault = func(string) (bool, error) { return apply, err }
	if late {
		key := subject(name)
		s.open[key]++
		s.late = append(s.late, func() { s.open[key]--; _ = do(false) })
	}
	return s.act(op, func() error { return do(half) })
}

func (s *simBank) Upload(_ context.Context, temp, final string, data []byte) error {
	if s.marks() {
		temp = final
	}
	if !s.w.dead && s.w.fires(final, personCancels) {
		s.w.acting[personCancels](subject(final))
	}
	err := s.try("upload", final, func(half bool) error {
		if s.atOnce() {
			s.held[final] = data
			return nil
		}
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
	s.sent[final] = data
	if s.w.without == "R2" && !s.w.dead { // what was not read back is believed
		return nil
	}
	return err
}

func (s *simBank) Publish(_ context.Context, temp, final string) error {
	if s.marks() {
		temp = final
	}
	if s.w.without == "R1" && s.tried[final] && !s.w.dead { // a new temp for an old intent
		s.to[temp+".again"] = s.to[temp]
		temp += ".again"
	}
	s.tried[final] = true
	err := s.try("publish", final, func(half bool) error {
		if _, ok := s.to[final+doneMark]; s.marks() && !ok {
			s.to[final+doneMark] = nil
			return nil
		}
		if s.atOnce() {
			return s.write(final, half)
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
			if !s.atOnce() {
				s.to[temp] = data
			}
			delete(s.to, final)
		}
	}
	if s.w.without == "R4" && err != nil && !s.w.dead { // an unknown outcome is believed to be none
		s.to[final] = s.sent[final]
		return nil
	}
	return err
}

// doneMark is the end of a marker's name.
const doneMark = ".done"

// Words of a bank's profile.
const (
	modeMarker  = "marker"
	modeDirect  = "direct"
	modeBlind   = "blind"
	posixRename = "posix-rename"
)

// works draws how a bank takes documents.
func (s *simBank) works(how int) {
	switch how {
	case 0:
		s.bank.Delivery.UnknownOutcome = rule.Reissue
	case 1:
		s.link = true
	case 2:
		s.bank.Delivery.Mode = modeMarker
	case 3:
		s.bank.Delivery.Mode = posixRename
	case 4:
		s.bank.Delivery.Mode = modeDirect
	case 5:
		s.bank.Delivery.Mode = modeBlind
	}
}

// marks tells that a document is finished when its marker is there, not by its name.
func (s *simBank) marks() bool { return s.bank.Delivery.Mode == modeMarker }

// atOnce tells that documents are written under their final names at once.
func (s *simBank) atOnce() bool {
	return s.bank.Delivery.Mode == modeDirect || s.bank.Delivery.Mode == modeBlind
}

// write makes a new file under its final name, or half of one.
func (s *simBank) write(final string, half bool) error {
	if _, ok := s.to[final]; ok {
		return errTaken
	}
	data := s.held[final]
	if half {
		data = data[:len(data)/2]
	}
	s.to[final] = data
	return nil
}

// errTaken is what a server says whose exclusive creation fails. It is no proof of
// anything, for an earlier request of ours may have made the file.
var errTaken = errors.New("failure")

func (s *simBank) reissues() bool { return s.bank.Delivery.UnknownOutcome == rule.Reissue }

func (s *simBank) Look(ctx context.Context, temp, final string) (sight Sight, err error) {
	err = s.try("look", final, func(bool) error {
		s.fault = nil
		return nil
	})
	if err != nil {
		return sight, err
	}
	switch {
	case s.bank.Delivery.Mode == modeBlind:
		return sight, nil
	case s.marks():
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

func (s *simBank) RealPaths(ctx context.Context) (toBank, fromBank string, err error) {
	s.fault = nil
	return s.fakeBank.RealPaths(ctx)
}

func (s *simBank) List(ctx context.Context) (Listing, error) {
	s.fault = nil
	if s.w.happens("list cut", 60) {
		s.fault = func(string) (bool, error) { return false, errCut }
	}
	l, err := s.fakeBank.List(ctx)
	byName := func(a, b File) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(l.Files, byName)
	slices.SortFunc(l.Claimed, byName)
	if l.Truncated = len(l.Files) > 1 && s.w.happens("list too long", 20); l.Truncated {
		l.Files = l.Files[:len(l.Files)/2]
	}
	return l, err
}

func (s *simBank) Claim(_ context.Context, name, claimed string) error {
	if !s.w.dead && s.w.fires(name, "claim: "+claimGone) {
		data := s.from[name]
		delete(s.from, name)
		s.mail = append(s.mail, func() { s.put(name, data) })
	}
	return s.try("claim", name, func(bool) error { return rename(s.from, s.claimed, name, claimed) })
}

func (s *simBank) Fetch(ctx context.Context, claimed string, size int64) ([]byte, error) {
	data, ok := s.from[claimed]
	if !ok || s.bank.Pickup.Mode != rule.Leave {
		data, ok = s.claimed[claimed]
	}
	if s.w.without == "R6" && !s.w.dead { // a name is deleted before its bytes are on our disk
		delete(s.claimed, claimed)
	}
	if err := s.try("fetch", claimed, func(bool) error { return nil }); err != nil {
		return nil, err
	}
	if !ok {
		return nil, &fate.Failure{Op: "fetch", Bank: s.bank.BIC, Kind: fate.Gone, Err: os.ErrNotExist}
	}
	if int64(len(data)) != size {
		return nil, &fate.Failure{Op: "fetch", Bank: s.bank.BIC, Kind: fate.Changed, Err: errChanged}
	}
	if s.w.fires(claimed, "fetch: "+fetchShort) {
		return data[:len(data)/2], nil
	}
	return data, nil
}

func (s *simBank) Discard(_ context.Context, claimed string) error {
	return s.try("discard", claimed, func(bool) error { delete(s.claimed, claimed); return nil })
}

// take is the bank's software: it reads what lies there and plans its answers.
func (s *simBank) take() {
	names := sorted(s.to)
	if s.last {
		slices.Reverse(names)
	}
	for _, name := range names {
		_, marked := s.to[name+doneMark]
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, doneMark) || s.marks() && !marked {
			continue
		}
		a := arrival{name, s.to[name]}
		doc, err := s.unpack(a)
		if err != nil && s.atOnce() { // it may still be written: such a bank takes only what is whole
			continue
		}
		delete(s.to, name+doneMark)
		delete(s.to, name)
		s.taken = append(s.taken, a)
		if err != nil {
			s.w.accuse("a part: bank %s took %s, %d octets: %v", s.bank.BIC, name, len(a.data), err)
			continue
		}
		if doc.Kind() == formats.KindReceipt {
			continue
		}
		s.took = append(s.took, doc.Key())
		s.answer(doc, a)
	}
}

func sorted(files map[string][]byte) []string { return slices.Sorted(maps.Keys(files)) }

// answer plans what the bank leaves for a document.
func (s *simBank) answer(doc formats.Document, a arrival) {
	w, key := s.w, doc.Key()
	state, positive := formats.StateAccepted, true
	switch {
	case w.fires(key, refused):
		state, positive, s.refused[key] = formats.StateBadLogic, false, true
	case w.fires(key, duplicate):
		state, positive = formats.StateDuplicate, false
	}
	if w.fires(key, orphan) {
		s.leave(s.receipt("77"+key, a, state), "", s.seal)
	}
	if w.fires(key, rubbish) {
		s.put("rep_J"+key+".zip", []byte("<html>busy</html>"))
	}
	if w.fires(key, emptyFile) {
		s.put("rep_E"+key+".zip", nil)
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
		w.done[key] = append(w.done[key], name)
		return
	}
	w.done[key] = append(w.done[key], name)
	s.mail = append(s.mail, func() { s.put(name, data) })
	if w.fires(key, replyTwice) {
		s.mail = append(s.mail, func() { s.put(name, data) })
	}
	if r, ok := doc.(*formats.Report); ok && w.fires(key, replyChanged) {
		other := *r
		other.LegalImpossibility += " and more"
		s.mail = append(s.mail, func() { s.leave(&other, "", s.seal) })
	}
	if w.fires(key, replyAnew) {
		s.mail = append(s.mail, func() { s.leave(doc, " ", s.seal) })
	}
}

// finish goes on writing a half file, wherever it lies by now; one that was set aside as
// never finished is left anew.
func (s *simBank) finish(name string, data []byte) {
	for claimed := range s.claimed {
		if claim.Given(claimed) == name {
			s.claimed[claimed] = data
			return
		}
	}
	s.put(name, data)
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

// unpack reads what the bank took, as any bank does.
func (s *simBank) unpack(a arrival) (formats.Document, error) {
	entries, err := envelope.Open(a.data, envelope.DefaultLimits())
	if err != nil {
		return nil, err
	}
	stem := strings.TrimSuffix(a.name, ".zip") + ".xml"
	at := slices.IndexFunc(entries, func(e envelope.Entry) bool { return e.Name == stem })
	if at < 0 {
		return nil, fmt.Errorf("no %s in it", stem)
	}
	s.reads.Today = s.w.clock()
	doc, faults := formats.Decode(entries[at].Data, s.reads)
	if len(faults) > 0 {
		return nil, faults
	}
	return doc, nil
}

package rehearsal

import (
	"fmt"
	"strings"
	"time"

	"bankconnector/banks/rehearsal/host"
)

// Quirk is the name of one way in which a simulated bank misbehaves, or differs
// from the usual server. Quirks lists them all; an unknown name is refused by Start.
type Quirk string

const (
	quirkSlow          Quirk = "slow"
	quirkMute          Quirk = "mute"
	quirkDown          Quirk = "down"
	quirkNoPosixRename Quirk = "no-posix-rename"
	quirkNoRename      Quirk = "no-rename"
	quirkDropBox       Quirk = "drop-box"
	quirkNoFsync       Quirk = "no-fsync"
	quirkClobber       Quirk = "clobber"
	quirkNoListHome    Quirk = "no-list-home"
	quirkReadonly      Quirk = "readonly-from-bank"
	quirkCrashRename   Quirk = "crash-rename"
	quirkDropRename    Quirk = "drop-before-rename"
	quirkLateReceipts  Quirk = "late-receipts"
	quirkDuplicates    Quirk = "duplicate-replies"
	quirkUnsigned      Quirk = "unsigned-replies"
	quirkWrongSigner   Quirk = "wrong-signer"
	quirkForeign       Quirk = "foreign-reply"
	quirkHalfFile      Quirk = "half-file"
	quirkSecondReport  Quirk = "second-report"
	quirkSkipsNumber   Quirk = "skips-number"
)

// QuirkInfo describes one quirk to people and to whoever writes the profile of
// such a bank.
type QuirkInfo struct {
	Name     Quirk
	RU, EN   string // one sentence each
	Delivery string // delivery.mode that the bank's profile must have, "" = any
	Unknown  string // delivery.unknown_outcome with which documents get through unattended, "" = any
	Pickup   string // pickup.mode that the bank's profile must have, "" = any
}

// Quirks returns every quirk that a simulated bank can have, network first, then
// the file server, then the back office.
func Quirks() []QuirkInfo {
	return []QuirkInfo{
		{Name: quirkSlow, RU: "каждый запрос SFTP выполняется на 10 мс дольше, по одному", EN: "every SFTP request takes 10 ms more, one after the other"},
		{Name: quirkMute, RU: "принимает соединение TCP и молчит", EN: "accepts TCP connections and says nothing"},
		{Name: quirkDown, RU: "порт закрыт, соединиться нельзя", EN: "does not listen, its port refuses connections"},
		{Name: quirkNoPosixRename, RU: "нет расширения posix-rename@openssh.com", EN: "has no posix-rename@openssh.com", Delivery: "rename"},
		{Name: quirkNoRename, RU: "переименование запрещено; файл берётся, когда рядом появился NAME.done", EN: "refuses every rename; takes a file when NAME.done appears beside it", Delivery: "marker", Pickup: "leave"},
		{Name: quirkDropBox, RU: "в папку для банка можно только писать: ни списка, ни чтения, ни удаления, ни переименования", EN: "documents can only be written: its folder cannot be listed, looked at, read, removed from or renamed in", Delivery: "blind"},
		{Name: quirkNoFsync, RU: "нет расширения fsync@openssh.com", EN: "has no fsync@openssh.com"},
		{Name: quirkClobber, RU: "обычное переименование молча заменяет существующий файл", EN: "plain rename silently replaces an existing file"},
		{Name: quirkNoListHome, RU: "домашнюю папку нельзя прочитать, только папки обмена", EN: "the home folder cannot be listed, only the exchange folders"},
		{Name: quirkReadonly, RU: "из папки банка можно только читать: забрать переименованием нельзя", EN: "the bank's folder can only be read: a claim by rename is refused", Pickup: "leave"},
		{Name: quirkCrashRename, RU: "первое и каждое четвёртое следующее переименование: выполнено, но связь рвётся до ответа", EN: "the first rename and every fourth after it is done, but the connection drops before the answer", Unknown: "reissue"},
		{Name: quirkDropRename, RU: "первое и каждое четвёртое следующее переименование: связь рвётся, файл не переименован", EN: "at the first rename and every fourth after it the connection drops and nothing is renamed", Unknown: "reissue"},
		{Name: quirkLateReceipts, RU: "квитанция приходит на три секунды позже и после ответа", EN: "the receipt comes three seconds late, after the reply"},
		{Name: quirkDuplicates, RU: "каждый забранный ответ выкладывается ещё раз под тем же именем", EN: "every reply that was taken is put there once more under the same name"},
		{Name: quirkUnsigned, RU: "ответы без подписей", EN: "replies carry no signatures"},
		{Name: quirkWrongSigner, RU: "ответы подписаны чужим сертификатом", EN: "replies are signed with somebody else's certificate"},
		{Name: quirkForeign, RU: "ответы называют БИК другого банка", EN: "replies name another bank's BIC"},
		{Name: quirkHalfFile, RU: "рядом лежит брошенный .part, а ответ сначала виден наполовину и дописывается через три секунды", EN: "an abandoned .part lies about, and a reply is visible half written and completed three seconds later"},
		{Name: quirkSecondReport, RU: "через три секунды после уведомления приходит ещё одно, окончательное", EN: "three seconds after a report a further, final one follows"},
		{Name: quirkSkipsNumber, RU: "в каждом потоке ответов пропущен второй номер", EN: "leaves out the second number in each stream of its replies"},
	}
}

// habits is the set of quirks of one bank.
type habits map[Quirk]bool

// newHabits refuses names that Quirks does not list.
func newHabits(list []Quirk) (habits, error) {
	var names []string
	known := habits{}
	for _, q := range Quirks() {
		known[q.Name] = true
		names = append(names, string(q.Name))
	}
	h := habits{}
	for _, q := range list {
		if !known[q] {
			return nil, fmt.Errorf("unknown quirk %q; known: %s", string(q), strings.Join(names, ", "))
		}
		h[q] = true
	}
	return h, nil
}

// slowness is the pause of a slow bank before each request.
const slowness = 10 * time.Millisecond

// server picks the habits that concern the server, not the back office.
func (h habits) server() host.Habits {
	s := host.Habits{
		Mute: h[quirkMute], Down: h[quirkDown], NoPosixRename: h[quirkNoPosixRename], NoRename: h[quirkNoRename],
		DropBox: h[quirkDropBox],
		NoFsync: h[quirkNoFsync], Clobber: h[quirkClobber], NoListHome: h[quirkNoListHome],
		ReadonlyFromBank: h[quirkReadonly], CrashRename: h[quirkCrashRename], DropRename: h[quirkDropRename],
	}
	if h[quirkSlow] {
		s.Pause = slowness
	}
	return s
}

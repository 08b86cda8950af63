package act

import (
	"fmt"
	"slices"

	"bankconnector/connector/flow/waiting"
	"bankconnector/connector/journal"
)

// The acts of a person on one document.
const (
	Release = "release" // let a held document go
	Reject  = "reject"  // refuse a document that was not sealed yet; the office is told
	Cancel  = "cancel"  // withdraw a document
	Resend  = "resend"  // send the same bytes once more
	Resolve = "resolve" // say what became of a document that nobody knows about
)

// What resolve may say became of a document.
const (
	AsLook      = "look"      // nobody knows: the next visit looks at the bank's folder again
	AsDelivered = "delivered" // the bank says it has it: its receipt is waited for
	AsClosed    = "closed"    // settled outside this program, on paper
	AsRejected  = "rejected"  // the bank says that it refuses it
)

// Text is one sentence in the two languages of the program.
type Text struct {
	EN string `json:"en"`
	RU string `json:"ru"`
}

// Refusal says why an act is not done, and what to do instead. Nothing was changed.
type Refusal struct{ Text }

// Error is the sentence in English.
func (r *Refusal) Error() string { return r.EN }

func refuse(en, ru string, args ...any) *Refusal {
	return &Refusal{Text{fmt.Sprintf(en, args...), fmt.Sprintf(ru, args...)}}
}

// Case is what is known about a document when a person acts on it.
type Case struct {
	journal.Exchange
	Gate  waiting.Gate // of its base document
	Mode  string       // delivery.mode of its bank; "" when the bank is not in the configuration
	Again bool         // the same act was done before, and nothing has happened since
}

// Step is what an act does: the states the document goes through. None, with no refusal,
// says that the act itself is the effect, or that it was done before.
type Step struct {
	Through []journal.State
	Done    bool // it was done before
}

// Decide says what an act does to a document. It never bypasses the rules: what may be on
// its way to the bank is not sent again unless that cannot double it, or the person confirms
// what only the bank can know; a lifting does not overtake its base.
func Decide(c Case, r Request) (Step, *Refusal) {
	if c.Again {
		return Step{Done: true}, nil
	}
	switch r.Act {
	case Release:
		return c.release(r)
	case Reject:
		return c.reject()
	case Cancel:
		return c.cancel(r)
	case Resend:
		return c.resend(r)
	default:
		return c.resolve(r)
	}
}

func (c Case) release(r Request) (Step, *Refusal) {
	switch {
	case c.State == journal.Accepted:
		return Step{Done: true}, nil
	case c.State != journal.Held:
		return Step{}, c.misplaced(Release)
	case c.Gate.Held && !c.Gate.Free:
		return Step{}, refuse("it would overtake its base document: %s. Wait for the bank's receipt, or act on the base document first",
			"он обогнал бы основной документ: %s. Дождитесь квитанции банка или сначала решите, что делать с основным документом", c.Gate.Reason)
	case c.Gate.Held && !r.Confirm:
		return Step{}, refuse("%s. If the base document was carried out outside this program and cannot come any more, repeat with --confirm; else reject or cancel this one",
			"%s. Если основной документ исполнен вне этой программы и больше не придёт, повторите с --confirm; иначе отклоните (reject) или отмените (cancel) этот", c.Gate.Reason)
	}
	return Step{Through: []journal.State{journal.Accepted}}, nil
}

func (c Case) reject() (Step, *Refusal) {
	if c.in(journal.Refused) {
		return Step{Done: true}, nil
	}
	if c.in(journal.Sealed) {
		return Step{}, refuse("it is sealed and has a number: use documents cancel", "он уже запечатан и имеет номер: используйте documents cancel")
	}
	if !c.in(journal.Accepted, journal.Held) {
		return Step{}, c.misplaced(Reject)
	}
	return Step{Through: []journal.State{journal.Refused}}, nil
}

func (c Case) cancel(r Request) (Step, *Refusal) {
	if c.in(journal.Cancelled) {
		return Step{Done: true}, nil
	}
	if c.in(journal.Suspect) && !r.Confirm {
		return Step{}, refuse("the bank may have it. If the bank has said that it does not, or that it will not act on it, repeat with --confirm",
			"документ может быть у банка. Если банк сообщил, что его нет или что он не будет исполнен, повторите с --confirm")
	}
	if !c.in(journal.Accepted, journal.Held, journal.Sealed, journal.Suspect) {
		return Step{}, c.misplaced(Cancel)
	}
	return Step{Through: []journal.State{journal.Cancelled}}, nil
}

func (c Case) in(states ...journal.State) bool { return slices.Contains(states, c.State) }

// posixRename is the only delivery mode in which a second rename of the same temporary file
// provably cannot make a second copy: it is one step that consumes its source.
const posixRename = "posix-rename"

func (c Case) resend(r Request) (Step, *Refusal) {
	switch {
	case c.State != journal.Suspect && c.State != journal.Ambiguous:
		return Step{}, c.misplaced(Resend)
	case c.ConfirmedAt != nil:
		return Step{}, refuse("the bank has confirmed it: it is not sent again", "банк подтвердил получение: повторно не отправляется")
	case c.SealedAt == nil:
		return Step{}, refuse("it was never sealed, so there are no bytes to send again: ask the bank, then cancel it and let the office hand it in again",
			"он не был запечатан, повторять нечего: спросите банк, затем отмените (cancel) и попросите АИС подать его снова")
	case c.Mode == "":
		return Step{}, refuse("bank %s is not in the configuration", "банка %s нет в конфигурации", c.Bank)
	case r.Confirm && c.State == journal.Ambiguous:
		return Step{Through: []journal.State{journal.Suspect, journal.Sealed}}, nil
	case r.Confirm:
		return Step{Through: []journal.State{journal.Sealed}}, nil
	case c.Mode != posixRename || c.TempName == "":
		return Step{}, refuse("whether the bank has it is not known, and with delivery.mode %s that cannot be proven from here. Ask the bank for document %s; if it says that it does not have it, repeat with --confirm",
			"есть ли он у банка, неизвестно, и при delivery.mode %s это нельзя доказать отсюда. Спросите банк о документе %s; если банк ответит, что его нет, повторите с --confirm", c.Mode, c.InternalKey)
	case c.State == journal.Suspect:
		return Step{Through: []journal.State{journal.Ambiguous}}, nil
	default: // the next visit finds the act in the journal and sends the same rename, if the temp name is still there
		return Step{}, nil
	}
}

func (c Case) resolve(r Request) (Step, *Refusal) {
	if c.State != journal.Suspect && c.State != journal.Ambiguous {
		return Step{}, c.misplaced(Resolve)
	}
	to := map[string]journal.State{AsDelivered: journal.Delivered, AsClosed: journal.Closed, AsRejected: journal.Rejected}[r.As]
	switch {
	case r.As == AsLook && c.TempName == "":
		return Step{}, refuse("no delivery was announced, so there is nothing to look for: ask the bank", "отправка не объявлялась, искать нечего: спросите банк")
	case r.As == AsLook && c.State == journal.Ambiguous:
		return Step{Done: true}, nil // every visit looks
	case r.As == AsLook:
		return Step{Through: []journal.State{journal.Ambiguous}}, nil
	case !r.Confirm:
		return Step{}, refuse("only the bank can know that. If it has said so, repeat with --confirm; to look at its folder once more use --as look",
			"это может знать только банк. Если он это сообщил, повторите с --confirm; чтобы ещё раз посмотреть его папку, укажите --as look")
	case !journal.Allowed(journal.Suspect, to, c.Kind):
		return Step{}, refuse("a %s cannot be %s", "документ вида %s не может получить состояние %s", c.Kind, to)
	case c.State == journal.Ambiguous && !journal.Allowed(journal.Ambiguous, to, c.Kind):
		return Step{Through: []journal.State{journal.Suspect, to}}, nil
	}
	return Step{Through: []journal.State{to}}, nil
}

// misplaced says what can be done with a document in its state.
func (c Case) misplaced(act string) *Refusal {
	todo := map[journal.State]Text{
		journal.Accepted:  {"it goes with the next visit; until then reject or cancel it", "он уйдёт при следующем посещении; до этого его можно отклонить (reject) или отменить (cancel)"},
		journal.Held:      {"release, reject or cancel it", "его можно отпустить (release), отклонить (reject) или отменить (cancel)"},
		journal.Sealed:    {"it goes with the next visit; until then cancel it", "он уйдёт при следующем посещении; до этого его можно отменить (cancel)"},
		journal.Sending:   {"it is being delivered: the next visit finds out what became of it", "он отправляется: следующее посещение выяснит исход"},
		journal.Ambiguous: {"resolve or resend it, or wait until its deadline makes it Suspect", "его можно разрешить (resolve), отправить снова (resend) или дождаться срока, после которого он станет Suspect"},
		journal.Delivered: {"the bank's receipt is waited for; after its deadline it becomes Suspect", "ожидается квитанция банка; после срока он станет Suspect"},
		journal.Suspect:   {"resolve, resend or cancel it", "его можно разрешить (resolve), отправить снова (resend) или отменить (cancel)"},
	}[c.State]
	if todo.EN == "" {
		todo = Text{"nothing is left to decide", "решать больше нечего"}
	}
	return refuse("%s is not possible: document %s is %s; %s", "действие %s невозможно: документ %s в состоянии %s; %s", act, c.InternalKey, c.State, "").with(todo)
}

func (r *Refusal) with(tail Text) *Refusal {
	r.EN, r.RU = r.EN+tail.EN, r.RU+tail.RU
	return r
}

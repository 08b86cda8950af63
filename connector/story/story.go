// Package story tells the journal's events in words, for a person who asks what became
// of a document. It reads events and nothing else; it may call journal, and codes for what a
// bad signature means.
package story

import (
	"encoding/json"
	"fmt"
	"strings"

	"bankconnector/connector/journal"
)

// acted is the kind of the event that tells what a person decided.
const acted = "operator.acted"

// told is what the story of a document uses of an event's body.
type told struct {
	Seq        int64  `json:"seq"`
	FileName   string `json:"file_name"`
	TempName   string `json:"temp_name"`
	Evidence   string `json:"evidence"`
	Reason     string `json:"reason"`
	Outcome    string `json:"outcome"`
	Verdict    string `json:"verdict"`
	Signer     string `json:"signer"`
	Kind       string `json:"kind"`
	Key        string `json:"external_key"`
	AnswerCode string `json:"answer_code"`
	Cause      string `json:"cause"`
	Act        string `json:"act"`
	As         string `json:"as"`
	State      string `json:"state"` // in which a document was opened
}

// Tell says one event in words, in Russian or English (lang "ru" or "en").
func Tell(e journal.Event, lang string) string {
	t := teller{lang: lang}
	if err := json.Unmarshal(e.Body, &t.told); err != nil {
		return e.Kind + " " + string(e.Body)
	}
	text := t.event(e.Kind)
	if t.Reason != "" && e.Kind == acted {
		text += ": " + t.Reason // a person's own words
	} else if t.Reason != "" {
		text += ": " + Reason(t.Reason, lang)
	}
	if t.Cause != "" {
		text += ": " + t.Cause
	}
	return text
}

// teller has one event to tell, and the reader's language.
type teller struct {
	told
	lang string
}

func (t *teller) say(en, ru string) string {
	if t.lang == "ru" {
		return ru
	}
	return en
}

func (t *teller) event(kind string) string {
	switch class, verb, _ := strings.Cut(kind, "."); class {
	case "exchange":
		return t.exchange(kind, verb)
	case "incoming":
		return t.incoming(kind, verb)
	}
	if kind == acted {
		return t.acted()
	}
	return Reason(kind, t.lang) // alarms and notes
}

func (t *teller) exchange(kind, verb string) string {
	switch verb {
	case "opened":
		switch t.State {
		case string(journal.Refused):
			return t.say("came from the office, is not sent", "пришёл от АИС, не отправлен")
		case string(journal.Held):
			return t.say("taken from the office, held", "принят от АИС, задержан")
		}
		return t.say("taken from the office", "принят от АИС")
	case "accepted":
		return t.say("released to be sent", "разрешён к отправке")
	case "held":
		return t.say("held", "задержан")
	case "sealed":
		return fmt.Sprintf(t.say("sealed as %s, number %d", "запечатан как %s, номер %d"), t.FileName, t.Seq)
	case "sending":
		return t.say("uploaded and read back; the rename is announced", "загружен и сверен; объявлено переименование")
	case "delivered":
		return fmt.Sprintf(t.say("delivered (%s)", "доставлен (%s)"), Word(t.Evidence, t.lang))
	case "ambiguous":
		return t.say("outcome unknown", "исход неизвестен")
	case "suspect":
		return t.say("ALARM: a person must decide", "ТРЕВОГА: решает человек")
	case "confirmed":
		return t.say("confirmed by the bank", "подтверждён банком")
	case "answered":
		return fmt.Sprintf(t.say("answered, code %s", "получен ответ, код %s"), t.AnswerCode)
	case "closed":
		return t.say("closed", "закрыт")
	case "rejected":
		return t.say("rejected by the bank", "отклонён банком")
	case "refused":
		return t.say("not sent", "не отправлен")
	case "cancelled":
		return t.say("withdrawn", "отозван")
	case "attempted":
		return t.say("attempt failed before anything was visible", "попытка не удалась, банк ничего не видел")
	}
	return kind
}

func (t *teller) incoming(kind, verb string) string {
	switch verb {
	case "settled":
		return fmt.Sprintf(t.say("%s %s came: %s, signature %s by %s", "от банка %s %s: %s, подпись %s, подписал %s"), Word(t.Kind, t.lang), t.Key, Word(t.Outcome, t.lang), Word(t.Verdict, t.lang), t.Signer)
	case "received":
		return t.say("a file of the bank came", "пришёл файл банка")
	case "repeated":
		return t.say("the same file of the bank came again", "тот же файл банка пришёл снова")
	case "reopened":
		return t.say("the bank's file is judged anew", "файл банка рассматривается заново")
	case "held":
		return t.say("came, and waits", "пришёл и ждёт")
	case "handed":
		return t.say("handed to the office", "передан в АИС")
	case "cleaned":
		return t.say("removed from the bank's folder", "удалён из папки банка")
	}
	return kind
}

// acted tells what a person decided.
func (t *teller) acted() string {
	act, waits := strings.CutSuffix(t.Act, ".proposed")
	text := strings.TrimSpace(fmt.Sprintf(t.say("a person decides: %s %s", "решение человека: %s %s"), Word(act, t.lang), Reason(t.As, t.lang)))
	if waits {
		text += t.say(", a second person must agree", ", нужен второй человек")
	}
	return text
}

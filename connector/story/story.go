// Package story tells the journal's events in words, for a person who asks what became
// of a document. It reads events and nothing else; it may call journal.
package story

import (
	"encoding/json"
	"fmt"
	"strings"

	"bankconnector/connector/journal"
)

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
}

// Tell says one event in words, in Russian or English (lang "ru" or "en").
func Tell(e journal.Event, lang string) string {
	say := func(en, ru string) string {
		if lang == "ru" {
			return ru
		}
		return en
	}
	var b told
	if err := json.Unmarshal(e.Body, &b); err != nil {
		return e.Kind + " " + string(e.Body)
	}
	var text string
	switch e.Kind {
	case "exchange.opened":
		text = say("taken from the office", "принят от АИС")
	case "exchange.accepted":
		text = say("released to be sent", "разрешён к отправке")
	case "exchange.held":
		text = say("held", "задержан")
	case "exchange.sealed":
		text = fmt.Sprintf(say("sealed as %s, number %d", "запечатан как %s, номер %d"), b.FileName, b.Seq)
	case "exchange.sending":
		text = say("uploaded and read back; the rename is announced", "загружен и сверен; объявлено переименование")
	case "exchange.delivered":
		text = fmt.Sprintf(say("delivered (%s)", "доставлен (%s)"), Word(b.Evidence, lang))
	case "exchange.ambiguous":
		text = say("outcome unknown", "исход неизвестен")
	case "exchange.suspect":
		text = say("ALARM: a person must decide", "ТРЕВОГА: решает человек")
	case "exchange.confirmed":
		text = say("confirmed by the bank", "подтверждён банком")
	case "exchange.answered":
		text = fmt.Sprintf(say("answered, code %s", "получен ответ, код %s"), b.AnswerCode)
	case "exchange.closed":
		text = say("closed", "закрыт")
	case "exchange.rejected":
		text = say("rejected by the bank", "отклонён банком")
	case "exchange.refused":
		text = say("not sent", "не отправлен")
	case "exchange.cancelled":
		text = say("withdrawn", "отозван")
	case "exchange.attempted":
		text = say("attempt failed before anything was visible", "попытка не удалась, банк ничего не видел")
	case "incoming.settled":
		text = fmt.Sprintf(say("%s %s came: %s, signature %s by %s", "от банка %s %s: %s, подпись %s, подписал %s"), Word(b.Kind, lang), b.Key, Word(b.Outcome, lang), Word(b.Verdict, lang), b.Signer)
	case "incoming.held":
		text = say("came, and waits", "пришёл и ждёт")
	case "incoming.handed":
		text = say("handed to the office", "передан в АИС")
	case "incoming.cleaned":
		text = say("removed from the bank's folder", "удалён из папки банка")
	case "operator.acted":
		act, waits := strings.CutSuffix(b.Act, ".proposed")
		text = strings.TrimSpace(fmt.Sprintf(say("a person decides: %s %s", "решение человека: %s %s"), Word(act, lang), Word(b.As, lang)))
		if waits {
			text += say(", a second person must agree", ", нужен второй человек")
		}
	default:
		text = e.Kind
	}
	if b.Reason != "" {
		text += ": " + Word(b.Reason, lang)
	}
	if b.Cause != "" {
		text += ": " + b.Cause
	}
	return text
}

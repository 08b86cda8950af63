package main

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
}

// tell says one event in words.
func (a *app) tell(e journal.Event) string {
	var b told
	if err := json.Unmarshal(e.Body, &b); err != nil {
		return e.Kind + " " + string(e.Body)
	}
	var text string
	switch e.Kind {
	case "exchange.opened":
		text = a.say("taken from the office", "принят от АИС")
	case "exchange.accepted":
		text = a.say("released to be sent", "разрешён к отправке")
	case "exchange.held":
		text = a.say("held", "задержан")
	case "exchange.sealed":
		text = fmt.Sprintf(a.say("sealed as %s, number %d", "запечатан как %s, номер %d"), b.FileName, b.Seq)
	case "exchange.sending":
		text = a.say("uploaded and read back; the rename is announced", "загружен и сверен; объявлено переименование")
	case "exchange.delivered":
		text = fmt.Sprintf(a.say("delivered (%s)", "доставлен (%s)"), b.Evidence)
	case "exchange.ambiguous":
		text = a.say("outcome unknown", "исход неизвестен")
	case "exchange.suspect":
		text = a.say("ALARM: a person must decide", "ТРЕВОГА: решает человек")
	case "exchange.confirmed":
		text = a.say("confirmed by the bank", "подтверждён банком")
	case "exchange.answered":
		text = fmt.Sprintf(a.say("answered, code %s", "получен ответ, код %s"), b.AnswerCode)
	case "exchange.closed":
		text = a.say("closed", "закрыт")
	case "exchange.rejected":
		text = a.say("rejected by the bank", "отклонён банком")
	case "exchange.refused":
		text = a.say("not sent", "не отправлен")
	case "exchange.attempted":
		text = a.say("attempt failed before anything was visible", "попытка не удалась, банк ничего не видел")
	case "incoming.settled":
		text = fmt.Sprintf(a.say("%s %s came: %s, signature %s by %s", "пришёл %s %s: %s, подпись %s, подписал %s"), b.Kind, b.Key, b.Outcome, b.Verdict, b.Signer)
	case "incoming.handed":
		text = a.say("handed to the office", "передан в АИС")
	case "incoming.cleaned":
		text = a.say("removed from the bank's folder", "удалён из папки банка")
	default:
		text = strings.TrimSpace(e.Kind + " " + b.Act)
	}
	if b.Reason != "" {
		text += ": " + b.Reason
	}
	if b.Cause != "" {
		text += ": " + b.Cause
	}
	return text
}

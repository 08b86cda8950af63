package story

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"bankconnector/connector/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	latin    = regexp.MustCompile(`[A-Za-z]`)
	cyrillic = regexp.MustCompile(`[А-Яа-яЁё]`)
)

// TestOneLanguage: what the program says of an order is in the reader's language, whatever
// words the journal keeps.
func TestOneLanguage(t *testing.T) {
	told := 0
	for kind, bodies := range map[string][]string{
		"exchange.opened": {`{}`, `{"state":"Held"}`, `{"state":"Refused"}`}, "exchange.accepted": {`{}`}, "exchange.held": {`{}`}, "exchange.sending": {`{}`},
		"exchange.sealed":    {`{"file_name":"1","seq":7}`},
		"exchange.delivered": {`{"evidence":"ok"}`, `{"evidence":"final seen"}`, `{"evidence":"a person says so"}`},
		"exchange.ambiguous": {`{}`}, "exchange.suspect": {`{}`}, "exchange.confirmed": {`{}`}, "exchange.answered": {`{"answer_code":"1"}`},
		"exchange.closed": {`{"reason":"final reply acknowledged"}`}, "exchange.rejected": {`{}`}, "exchange.refused": {`{}`}, "exchange.attempted": {`{}`}, "exchange.cancelled": {`{}`},
		"incoming.settled": {
			`{"kind":"receipt","outcome":"matched","verdict":"valid"}`, `{"kind":"report","outcome":"conflict","verdict":"invalid"}`,
			`{"kind":"answer","outcome":"misdirected","verdict":"unknown-signer"}`,
		},
		"incoming.held": {`{}`}, "incoming.received": {`{}`}, "incoming.repeated": {`{}`}, "incoming.reopened": {`{}`}, "incoming.handed": {`{}`}, "incoming.cleaned": {`{}`},
		"operator.acted": {`{"act":"release"}`, `{"act":"resolve","as":"look"}`, `{"act":"resend.proposed"}`, `{"act":"dispute"}`, `{"act":"cancel"}`},
	} {
		for _, body := range bodies {
			e := journal.Event{Kind: kind, Body: json.RawMessage(body)}
			if text := Tell(e, "ru"); latin.MatchString(text) || text == "" {
				t.Errorf("%s %s in Russian: %s", kind, body, text)
			}
			if text := Tell(e, "en"); cyrillic.MatchString(text) || text == "" {
				t.Errorf("%s %s in English: %s", kind, body, text)
			}
			told++
		}
	}
	for _, s := range journal.States() {
		if text := Word(string(s), "ru"); latin.MatchString(text) {
			t.Errorf("%s in Russian: %s", s, text)
		}
	}
	if told < 25 || fmt.Sprint(Word("valid", "en")) != "valid" {
		t.Errorf("%d events were told", told)
	}
}

// TestReasons: the program's own reasons are said in Russian with what stands in them, nobody else's words are touched.
func TestReasons(t *testing.T) {
	for en, ru := range map[string]string{
		"": "", "ivanov: by telephone": "ivanov: by telephone", "unknown sender": "unknown sender", "ivanov: asked, code 5": "ivanov: asked, code 5",
		"not sent by 2026-11-22T09:00:00Z": "не отправлен до 2026-11-22T09:00:00Z",
		"base document 7 is Cancelled: it will never be confirmed, a person releases, rejects or cancels this one": "документ-основание 7 в состоянии «отменён»: подтверждён он не будет; отпустить, отклонить или отменить этот документ решает человек",
		"base document 7 is Elsewhere: it will never be confirmed, a person releases, rejects or cancels this one": "base document 7 is Elsewhere: it will never be confirmed, a person releases, rejects or cancels this one",
		"the bank refuses the document: receipt 91 нет счёта":                                                      "банк отклоняет документ: квитанция 91 нет счёта",
		"ivanov: receipt 91 came":                       "ivanov: receipt 91 came",
		`ivanov: register: missing "7", ours "a b.zip"`: `ivanov: реестр банка: нет документа "7", у нас "a b.zip"`,
		`register: unknown "7"`:                         `реестр банка: лишний документ "7"`,
		`register: changed "7", ours "x", theirs "y"`:   `реестр банка: другой файл у документа "7", у нас "x", у банка "y"`,
		"/Restrictn/Amount (line 3, code 91): the element is not known here\n/ (line 1, code 91): said by another program": "/Restrictn/Amount (строка 3, код 91): элемент здесь не предусмотрен\n/ (line 1, code 91): said by another program",
		"rep_1.xml: The signature is good. In detail (no-such-code): x. What to do: y":                                     "rep_1.xml: The signature is good. In detail (no-such-code): x. What to do: y",
	} {
		if got := Reason(en, "ru"); got != ru {
			t.Errorf("%q is %q, want %q", en, got, ru)
		}
		if got := Reason(en, "en"); got != en {
			t.Errorf("%q is %q in English", en, got)
		}
	}
	bad := Reason("rep_1.xml: a: b. In detail (digest-mismatch): the facts. What to do: ask", "ru")
	if latin.MatchString(strings.NewReplacer("rep_1.xml", "", "digest-mismatch", "").Replace(bad)) || !strings.HasSuffix(bad, "(digest-mismatch)") {
		t.Errorf("a bad signature: %s", bad)
	}
	act := journal.Event{Kind: "operator.acted", Body: json.RawMessage(`{"act":"cancel","reason":"missing"}`)}
	if text := Tell(act, "ru"); text != "решение человека: отменить: missing" {
		t.Errorf("a person's words: %s", text)
	}
}

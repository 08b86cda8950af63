package story

import (
	"encoding/json"
	"fmt"
	"regexp"
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

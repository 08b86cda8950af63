package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDocumentsForNoBank leaves documents in folders of the office's inbox that are no bank's, and in the inbox itself.
// They are told of, once, and stay as they are.
func TestDocumentsForNoBank(t *testing.T) {
	dir, config := stage(t, 2)
	done(t, "sample", "-c", config, "--documents", "2", "--seed", "4")
	inbox := filepath.Join(dir, "office", "in")
	must(t, os.Mkdir(filepath.Join(inbox, "044525999"), 0o770))
	must(t, os.Mkdir(filepath.Join(inbox, "empty"), 0o770))
	left := []string{"044525999/piev_1.xml", "044525999/notes.txt", "loose.xml"}
	for _, name := range left {
		must(t, os.WriteFile(filepath.Join(inbox, name), []byte("<x/>"), 0o640))
	}
	code, _, errs := run(t, "exchange", "-c", config, "--until", "answered", "--timeout", "2m")
	if code != exitDone || strings.Count(errs, "documents for no bank") != 2 {
		t.Errorf("exit %d, want %d and two lines of the log: %s", code, exitDone, errs)
	}
	got := query(t, book(t, dir), `SELECT json_extract(body, '$.name') FROM event WHERE kind = 'alarm.office.unknown' ORDER BY 1`)
	if strings.Join(got, " ") != ". 044525999" {
		t.Errorf("the journal tells of %v, want the inbox itself and 044525999, once each", got)
	}
	for _, name := range left {
		if data, err := os.ReadFile(filepath.Join(inbox, name)); err != nil || string(data) != "<x/>" {
			t.Errorf("%s was touched: %q %v", name, data, err)
		}
	}
	for _, list := range [][]string{{"documents", "list"}, {"bank", "list"}, {"documents", "list", "--json"}} {
		for lang, want := range map[string]string{"en": "warning: 2 files lie in in/044525999", "ru": "файлов 2 в in/044525999"} {
			code, out, errs := run(t, append(list, "-c", config, "--lang", lang)...)
			if code != exitDone || !strings.Contains(errs, want) || strings.Contains(out, "044525999") {
				t.Errorf("%v: exit %d, %s", list, code, errs)
			}
		}
	}
	for _, name := range left { // once they are gone, nothing is said of them
		must(t, os.Remove(filepath.Join(inbox, name)))
	}
	if _, _, errs := run(t, "documents", "list", "-c", config); errs != "" {
		t.Errorf("it warns of what is gone: %s", errs)
	}
}

// TestSearchLeftForTwoBanks: a document that names no bank itself lies in two banks' inboxes when they are visited. It goes
// to neither, and a person hears of it.
func TestSearchLeftForTwoBanks(t *testing.T) {
	dir, config := stage(t, 2)
	done(t, "sample", "-c", config, "--documents", "1", "--seed", "4") // each bank's first sample is a search for accounts
	inbox := filepath.Join(dir, "office", "in")
	files, err := filepath.Glob(filepath.Join(inbox, "*", "*.zip"))
	must(t, err)
	if len(files) != 2 {
		t.Fatalf("the office left %v", files)
	}
	data, err := os.ReadFile(files[0])
	must(t, err)
	must(t, os.WriteFile(files[1], data, 0o640))
	if code, _, errs := run(t, "exchange", "-c", config); code != exitPartly || !strings.Contains(errs, "a person must look") {
		t.Errorf("exit %d, want %d: %s", code, exitPartly, errs)
	}
	b := book(t, dir)
	if states := strings.Join(query(t, b, `SELECT state FROM exchanges ORDER BY state`), " "); states != "Held Refused" {
		t.Errorf("the two are %s, want one held and one refused", states)
	}
	if sent := query(t, b, `SELECT sum(sent) FROM visits`); sent[0] != "0" {
		t.Errorf("%s documents were sent", sent[0])
	}
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"bankconnector/banks/rehearsal"
	"bankconnector/formats/envelope"
)

// personal are the elements of documents that say who a person is, where they live and what they own.
var personal = regexp.MustCompile(`<(DebtorName|DebtorAdr|DebtorINN|INN|DebtorSnils|Surname|FirstName|Patronymic|DebtorBirthPlace|NumDoc|Acc|OrderLivingWageAcc|SPIFio|SPIPhone)>([^<]+)<`)

// words are the words and numbers of a text; a digest is one word, so no number is found in it by chance.
func words(text string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		out[w] = true
	}
	return out
}

// documents are the texts of the XML documents in a folder, those in envelopes too.
func documents(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	must(t, err)
	var out []string
	for _, path := range paths {
		data, err := os.ReadFile(path)
		must(t, err)
		switch filepath.Ext(path) {
		case ".xml":
			out = append(out, string(data))
		case ".zip":
			entries, err := envelope.Open(data, envelope.DefaultLimits())
			must(t, err)
			for _, e := range entries {
				out = append(out, string(e.Data))
			}
		}
	}
	return out
}

// spoil leaves copies of a query, each with one personal value that no control lets pass.
func spoil(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	key := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "req_"), ".xml")
	for i, m := range personal.FindAllStringSubmatchIndex(string(data), -1) {
		other := fmt.Sprintf("9%s%02d", key[3:], i)
		text := string(data[:m[5]]) + "\u202e" + string(data[m[5]:]) // no name and no number has this character
		text = strings.Replace(text, "<InternalKey>"+key+"<", "<InternalKey>"+other+"<", 1)
		must(t, os.WriteFile(filepath.Join(filepath.Dir(path), "req_"+other+".xml"), []byte(text), 0o640))
	}
}

// TestPersonalDataStaysOutOfTheJournal looks through the journal, by its tables and by its octets, for what the documents
// say of persons: those that were sent and answered, those that we refused for that very value, and replies set aside.
func TestPersonalDataStaysOutOfTheJournal(t *testing.T) {
	for name, quirks := range map[string][]rehearsal.Quirk{"AnsweredAndRefused": nil, "SetAside": {"wrong-signer"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, config := stage(t, 2, quirks...) // a stranger is the other bank
			in := filepath.Join(dir, "office", "in", "*")
			done(t, "sample", "-c", config, "--documents", "12", "--seed", "5")
			queries, err := filepath.Glob(filepath.Join(in, "req_*.xml"))
			must(t, err)
			for _, path := range queries {
				spoil(t, path)
			}
			texts := append(documents(t, filepath.Join(in, "*.xml")), documents(t, filepath.Join(in, "*.zip"))...)
			b := func(text string) []string { return query(t, book(t, dir), text) }
			waitFor(t, func() bool {
				run(t, "exchange", "-c", config)
				if quirks != nil {
					return len(b(`SELECT 1 FROM incoming WHERE outcome IN ('quarantined', 'misdirected')`)) > 0
				}
				return len(b(`SELECT 1 FROM exchanges WHERE state NOT IN ('Answered', 'Closed', 'Refused', 'Held')`)) == 0
			})
			refused, err := filepath.Glob(filepath.Join(dir, "office", "out", "*", "notsent_*"))
			must(t, err)
			if len(queries) == 0 || len(refused) < 5 {
				t.Fatalf("%d queries, %d documents came back as not sent", len(queries), len(refused))
			}
			texts = append(texts, documents(t, filepath.Join(dir, "office", "out", "*", "re*.xml"))...)
			hold(t, dir, texts)
		})
	}
}

// hold fails for every personal value of the texts that is somewhere in the journal.
func hold(t *testing.T, dir string, texts []string) {
	t.Helper()
	b := book(t, dir)
	var said strings.Builder
	for _, table := range query(t, b, `SELECT name FROM sqlite_schema WHERE type = 'table'`) {
		for _, row := range query(t, b, `SELECT * FROM "`+table+`"`) {
			said.WriteString(strings.ToLower(row) + "\n")
		}
	}
	for _, tail := range []string{"", "-wal"} {
		data, err := os.ReadFile(filepath.Join(dir, "state", "journal.db"+tail))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		said.WriteString(strings.ToLower(strings.ToValidUTF8(string(data), "\n")))
	}
	journal := said.String()
	known := words(journal)
	ours := words(strings.Join(query(t, b, `SELECT subject FROM keys_expiring`), "\n")) // who signs, the bank's own number
	const official = "11223344595"                                                      // their own number, in their certificate
	delete(ours, official)
	values, keys := map[string]bool{official: true}, 0
	for _, text := range texts {
		for _, m := range personal.FindAllStringSubmatch(text, -1) {
			values[strings.ToLower(strings.Trim(m[2], "\u202e"))] = true
		}
		if m := regexp.MustCompile(`<IPNum>([^<]+)<`).FindStringSubmatch(text); m != nil && strings.Contains(journal, strings.ToLower(m[1])) {
			keys++
		}
	}
	for v := range values {
		if known[v] && !ours[v] || len(v) > 11 && strings.ContainsAny(v, " -") && strings.Contains(journal, v) {
			t.Errorf("the journal holds %q", v)
		}
	}
	if keys == 0 || len(values) < 30 {
		t.Errorf("%d numbers of proceedings were found, %d personal values were looked for: the search is blind", keys, len(values))
	}
}

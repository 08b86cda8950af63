package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"bankconnector/banks/rehearsal"
	"bankconnector/connector/story"
)

// sources reads the product code of a folder and those below it.
func sources(t *testing.T, dir string, fn func(*ast.File)) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		invents := strings.Contains(path, "/invent/") || d != nil && d.Name() == "sampler.go" // what documents say
		if err != nil || invents || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err == nil {
			fn(f)
		}
		return err
	}))
}

// hole stands for what is not known before the program runs: it can be a name, and a word that has a Russian one.
const hole = "Closed"

var verb = regexp.MustCompile(`%[.0-9]*[a-z]`)

// literal is a text of the source with holes in it; ok is false for what is no text at all.
func literal(x ast.Expr) (text string, ok bool) {
	switch x := x.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(x.Value)
		return text, err == nil && x.Kind == token.STRING
	case *ast.BinaryExpr:
		left, one := literal(x.X)
		right, other := literal(x.Y)
		if !one {
			left = hole
		}
		if !other {
			right = hole
		}
		return left + right, x.Op == token.ADD && (one || other)
	case *ast.CallExpr:
		sel, is := x.Fun.(*ast.SelectorExpr)
		if !is || sel.Sel.Name != "Sprintf" {
			return "", false
		}
		format, ok := literal(x.Args[0])
		return verb.ReplaceAllString(strings.NewReplacer("%02d", "07", "%q", `"`+hole+`"`).Replace(format), hole), ok
	}
	return "", false
}

var cyrillic = regexp.MustCompile(`[А-Яа-яЁё]`)

// bilingual finds the texts that stand side by side in both languages, Russian first.
func bilingual(t *testing.T, dir string) (pairs [][2]string) {
	t.Helper()
	look := func(list []ast.Expr) {
		for i := 1; i < len(list); i++ {
			if kv, ok := list[i-1].(*ast.KeyValueExpr); ok {
				list[i-1] = kv.Value
			}
			if kv, ok := list[i].(*ast.KeyValueExpr); ok {
				list[i] = kv.Value
			}
			ru, one := literal(list[i-1])
			en, other := literal(list[i])
			if one && other && cyrillic.MatchString(ru) && (strings.Count(en, " ") > 0 || en != ru) && !cyrillic.MatchString(strings.NewReplacer("БИК", "", "ИНН", "", "СНИЛС", "", "КПП", "", "ОКВ", "", "ИП", "", "СД", "", "СВ", "").Replace(en)) {
				pairs = append(pairs, [2]string{ru, en})
			}
		}
	}
	sources(t, dir, func(f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				look(n.Elts)
			case *ast.CallExpr:
				look(n.Args)
			case *ast.ReturnStmt:
				look(n.Results)
			case *ast.AssignStmt:
				look(n.Rhs)
			}
			return true
		})
	})
	return pairs
}

// filled fills every hole alike, whether it took a name or a word.
func filled(text string) string { return strings.ReplaceAll(text, hole, story.Word(hole, "ru")) }

// TestFaultsOfDocumentsInRussian: what formats says of a document in two languages, the story says in Russian as well.
func TestFaultsOfDocumentsInRussian(t *testing.T) {
	pairs := bilingual(t, "../formats")
	for _, p := range pairs {
		if got := story.Reason(p[1], "ru"); filled(got) != filled(p[0]) {
			t.Errorf("%q is %q in Russian, want %q", p[1], got, p[0])
		}
	}
	if len(pairs) < 80 {
		t.Errorf("only %d texts were found", len(pairs))
	}
}

// said finds the reasons that flow writes into the journal, wherever it forms one.
func said(t *testing.T, dir string) (list []string) {
	t.Helper()
	add := func(x ast.Expr) {
		text, ok := literal(x)
		if strings.HasSuffix(text, " ") {
			text += hole // it is the beginning of one
		}
		if strings.HasPrefix(text, hole) {
			return // another reason stands before it, so it takes a real one: the stories show those
		}
		if ok && !cyrillic.MatchString(text) && latin.MatchString(text) {
			list = append(list, text)
		}
	}
	named := func(x ast.Expr, names ...string) bool {
		if sel, ok := x.(*ast.SelectorExpr); ok {
			x = sel.Sel
		}
		id, ok := x.(*ast.Ident)
		return ok && slices.Contains(names, id.Name)
	}
	sources(t, dir, func(f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if named(n.Key, "Reason", "Why") {
					add(n.Value)
				}
			case *ast.AssignStmt:
				for i, x := range n.Rhs {
					if len(n.Rhs) == len(n.Lhs) && named(n.Lhs[i], "Reason", "said", "reason") {
						add(x)
					}
				}
			case *ast.CallExpr:
				if named(n.Fun, "strike", "doubt") {
					add(n.Args[len(n.Args)-1])
				}
			case *ast.CompositeLit:
				if named(n.Type, "Conflict") {
					add(n.Elts[0])
				}
			case *ast.ReturnStmt:
				for _, x := range n.Results {
					if text, ok := literal(x); ok && strings.Count(text, " ") > 2 {
						add(x)
					}
				}
			}
			return true
		})
	})
	return list
}

// plain are Latin words that are names and so are the same in both languages: of programs, formats, fields and files.
var plain = regexp.MustCompile(`^[A-Z0-9]+$|[0-9_./=@]|^(Closed|bankconnector|limits|file_size|xml|sig|zip|refused)$`)

// english finds words in a Russian text that are not names.
func english(text string) (words []string) {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("«»\"(),:;…", r) }) {
		word = strings.Trim(word, ".")
		if latin.MatchString(word) && !plain.MatchString(word) {
			words = append(words, word)
		}
	}
	return words
}

var latin = regexp.MustCompile(`[A-Za-z]`)

// TestReasonsInRussian: every reason that flow gives is said in Russian.
func TestReasonsInRussian(t *testing.T) {
	list := said(t, "flow")
	for _, text := range list {
		if got := story.Reason(text, "ru"); !cyrillic.MatchString(got) || len(english(got)) > 0 {
			t.Errorf("%q is %q in Russian: %v", text, got, english(got))
		}
		if story.Reason(text, "en") != text {
			t.Errorf("%q is another in English", text)
		}
	}
	if len(list) < 45 {
		t.Errorf("only %d reasons were found", len(list))
	}
}

// TestStoriesInRussian tells the story of every document of an exchange with banks of each kind, and of documents that the
// office got wrong: no English word is in it but names.
func TestStoriesInRussian(t *testing.T) {
	me, err := user.Current()
	must(t, err)
	var all strings.Builder // stories of all banks
	for _, quirk := range []rehearsal.Quirk{
		"", "drop-box", "wrong-signer", "foreign-reply", "unsigned-replies", "duplicate-replies", "second-report", "half-file",
		"crash-rename", "drop-before-rename", "late-receipts", "readonly-from-bank", "down",
	} {
		t.Run("bank "+string(quirk), func(t *testing.T) {
			quirks, documents := []rehearsal.Quirk{quirk}, "4"
			switch quirk {
			case "":
				quirks = nil
			case "down":
				documents = "16" // liftings too, which are held, for nothing is ever confirmed
			}
			dir, config := stage(t, 2, quirks...)
			done(t, "sample", "-c", config, "--documents", documents, "--seed", "4")
			folders, err := os.ReadDir(filepath.Join(dir, "office", "in"))
			must(t, err)
			bic := folders[0].Name()
			for name, text := range map[string]string{
				"piev_1.xml": "<Restrictn/>", "req_2.xml": "<html>", "piev_3.xml": "", "piev_4.zip": "PK\x03\x04", "piev_5.xml": "<Restrictn><Amount>x</Amount><Amount>1</Amount>",
				"piev_6.xml": "<Restrictn><InternalKey>06</InternalKey><DocDate>2026-13-01</DocDate><DocCode>O_IP_ACT_ZP</DocCode><IPDebt>1,5</IPDebt><Х/></Restrictn>",
			} {
				must(t, os.WriteFile(filepath.Join(dir, "office", "in", bic, name), []byte(text), 0o600))
			}
			for range 3 { // what is in doubt after the first is looked for by the next
				run(t, "exchange", "-c", config)
			}
			if quirk == "wrong-signer" { // a person disputes what the bank says it has, and decides
				bank := query(t, book(t, dir), `SELECT bank FROM exchanges WHERE state = 'Delivered' LIMIT 1`)[0]
				theirs := filepath.Join(t.TempDir(), "register.csv")
				must(t, os.WriteFile(theirs, []byte("internal_key\n999\n"), 0o600))
				if code, _, errs := run(t, "journal", "reconcile", theirs, "-c", config, "--bank", bank, "--reason", "акт сверки"); code != exitData {
					t.Errorf("reconcile: exit %d, %s", code, errs)
				}
				key := query(t, book(t, dir), `SELECT internal_key FROM exchanges WHERE state = 'Suspect' LIMIT 1`)[0]
				done(t, "documents", "resolve", key, "-c", config, "--as", "closed", "--reason", "письмо банка", "--confirm")
			}
			told := 0
			for _, id := range query(t, book(t, dir), `SELECT id FROM exchanges`) {
				told++
				out := done(t, "documents", "show", id, "-c", config, "--lang", "ru")
				all.WriteString(out)
				if words := english(strings.ReplaceAll(out, me.Username, "")); len(words) > 0 {
					t.Errorf("%v in\n%s", words, out)
				}
			}
			if told < 12 {
				t.Errorf("only %d documents were told", told)
			}
			if out := done(t, "documents", "list", "-c", config, "--lang", "ru"); strings.Contains(out, "waits until") {
				t.Errorf("the list gives reasons in English:\n%s", out)
			}
		})
	}
	for _, word := range []string{"задержан", "не отправлен", "исход неизвестен", "решает человек", "основани", "ТРЕВОГА", "реестр банка: нет документа", "обязательный элемент отсутствует"} {
		if !strings.Contains(all.String(), word) {
			t.Errorf("no story says %q", word)
		}
	}
}

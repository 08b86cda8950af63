package formats

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// long is a text of n characters.
func long(n int) string { return strings.Repeat("ж", n) }

func TestGoodDocumentsPass(t *testing.T) {
	for _, kind := range []Kind{KindOrder, KindQuery, KindReport, KindAnswer, KindReceipt, kindManifest, kindOriginal} {
		t.Run(string(kind), func(t *testing.T) {
			if faults := faultsOf(kind, good(t, kind)); len(faults) > 0 {
				t.Errorf("faults:\n%v", faults)
			}
		})
	}
}

func TestEveryRuleIsTold(t *testing.T) {
	for _, m := range mutations() {
		t.Run(string(m.kind)+"/"+m.name, func(t *testing.T) {
			text := m.apply(t)
			faults := faultsOf(m.kind, text)
			if m.path == "" {
				if len(faults) > 0 {
					t.Errorf("must be tolerated:\n%v", faults)
				}
				return
			}
			at := slices.IndexFunc(faults, func(f Fault) bool { return f.Path == m.path })
			if at < 0 {
				t.Fatalf("no fault at %s:\n%v", m.path, faults)
			}
			f := faults[at]
			if f.Code != m.code {
				t.Errorf("code %d, want %d: %s", f.Code, m.code, f.EN)
			}
			if f.RU == "" || f.EN == "" || f.RU == f.EN {
				t.Errorf("a sentence is missing: %+v", f)
			}
			if lines := 1 + strings.Count(text, "\n"); f.Line < 1 || f.Line > lines {
				t.Errorf("line %d of %d", f.Line, lines)
			}
			if len(faults) > 1 {
				t.Errorf("one change, %d faults:\n%v", len(faults), faults)
			}
		})
	}
}

// xmllint asks libxml2 which of the files are valid; its answer is one line per file.
func xmllint(t *testing.T, schema []byte, files map[string]string) map[string]bool {
	t.Helper()
	tool, err := exec.LookPath("xmllint")
	if err != nil {
		t.Fatal("xmllint is not installed; run: sudo apt-get install -y libxml2-utils")
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	args := []string{"--nonet", "--noout", "--schema", write("schema.xsd", string(schema))}
	for name, text := range files {
		args = append(args, write(name+".xml", text))
	}
	out, _ := exec.Command(tool, args...).CombinedOutput() // its exit code only says that some file is not valid
	valid := map[string]bool{}
	for name := range files {
		path := filepath.Join(dir, name+".xml")
		switch {
		case strings.Contains(string(out), path+" validates\n"):
			valid[name] = true
		case strings.Contains(string(out), path+" fails to validate\n"), strings.Contains(string(out), path+":"):
			valid[name] = false
		default:
			t.Fatalf("xmllint says nothing of %s:\n%s", name, out)
		}
	}
	return valid
}

func TestSchemasAgreeWithXmllint(t *testing.T) {
	for _, kind := range []Kind{KindOrder, KindQuery, KindReport, KindAnswer, KindReceipt, kindManifest} {
		t.Run(string(kind), func(t *testing.T) {
			files := map[string]string{"good": good(t, kind)}
			want := map[string]bool{"good": true}
			for _, m := range mutations() {
				if m.kind != kind || m.lax {
					continue
				}
				name := strings.Map(func(r rune) rune {
					if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r > 0x400 {
						return r
					}
					return '-'
				}, m.name)
				files[name], want[name] = m.apply(t), m.code != 91
			}
			if len(files) < 10 {
				t.Fatalf("only %d samples", len(files))
			}
			if diff := cmp.Diff(want, xmllint(t, Schema(kind), files)); diff != "" {
				t.Errorf("the decoder and the schema disagree (-decoder +xmllint):\n%s", diff)
			}
		})
	}
}

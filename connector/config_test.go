package main

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"bankconnector/banks"
	"bankconnector/connector/install"
)

const exampleFile = "../config.example.yaml"

// TestExampleHasEveryKey walks the struct and looks for each key with a comment.
func TestExampleHasEveryKey(t *testing.T) {
	data, err := os.ReadFile(exampleFile)
	must(t, err)
	// Keys that exclude those shown stand there as comments, two columns deep.
	every := strings.ReplaceAll(string(data), "\n  # ", "\n  ")
	var tree map[string]any
	must(t, yaml.Unmarshal([]byte(every), &tree))
	keys := 0
	eachKey(reflect.TypeFor[install.Config](), tree, "", func(path string, found bool) {
		if keys++; !found {
			t.Errorf("%s has no key %s", exampleFile, path)
		}
	})
	if keys < 15 {
		t.Errorf("only %d keys were looked for", keys)
	}
	for _, line := range strings.Split(string(data), "\n") {
		if key, _, ok := strings.Cut(line, ": "); ok && !strings.HasPrefix(strings.TrimSpace(line), "#") && !strings.Contains(line, "#") {
			t.Errorf("%s has no comment", key)
		}
	}
}

func eachKey(s reflect.Type, tree map[string]any, at string, look func(path string, found bool)) {
	for i := range s.NumField() {
		f := s.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		value, found := tree[name]
		look(at+name, found)
		below := f.Type
		if below.Kind() == reflect.Pointer {
			below = below.Elem()
		}
		if below.Kind() == reflect.Struct && below != reflect.TypeFor[time.Time]() && name != "next" { // next has the keys above
			inner, _ := value.(map[string]any)
			eachKey(below, inner, at+name+".", look)
		}
	}
}

func TestExampleEndsWithTheBank(t *testing.T) {
	data, err := os.ReadFile(exampleFile)
	must(t, err)
	var bank strings.Builder
	for _, line := range strings.Split(strings.TrimSuffix(banks.Example(), "\n"), "\n") {
		bank.WriteString(strings.TrimSuffix("# "+line, " ") + "\n")
	}
	if !strings.HasSuffix(string(data), bank.String()) {
		t.Errorf("%s does not end with banks/example.yaml, each line as a comment", exampleFile)
	}
}

// TestExampleIsRead reads the example as a configuration: the strict reader accepts it,
// and its values are the defaults where it says so.
func TestExampleIsRead(t *testing.T) {
	data, err := os.ReadFile(exampleFile)
	must(t, err)
	var full, short install.Config
	must(t, banks.Decode("config.yaml", data, &full))
	must(t, banks.Decode("config.yaml", []byte("state_dir: s\noffice_dir: o\nbanks_dir: b\nsigning:\n  certificate_file: c\n  key_file: k\n"), &short))
	if full.TimeZone != short.TimeZone || full.Signing.StopBefore != short.Signing.StopBefore || full.Visits != short.Visits || full.Office.FileSize != short.Office.FileSize || full.Office.Poll != short.Office.Poll {
		t.Errorf("the example shows %+v, the defaults are %+v", full, short)
	}
}

func TestConfigCheck(t *testing.T) {
	dir, config := stage(t, 2)
	t.Run("Sound", func(t *testing.T) {
		if out := done(t, "config", "check", "-c", config, "--lang", "en"); !strings.Contains(out, "2 active") {
			t.Errorf("got %s", out)
		}
	})
	t.Run("OurOwnCertificateAsTheBanks", func(t *testing.T) {
		file := only(t, dir, "banks.d/*1.yaml")
		profile, err := os.ReadFile(file)
		must(t, err)
		defer func() { must(t, os.WriteFile(file, profile, 0o640)) }()
		installation, err := os.ReadFile(config)
		must(t, err)
		defer func() { must(t, os.WriteFile(config, installation, 0o640)) }()
		own := filepath.Join(dir, "keys", "signing.pem")
		theirs := regexp.MustCompile(`\.\./banks/\d+/signing\.pem`)
		for name, next := range map[string]string{"signing": own, "signing.next": filepath.Join(dir, "keys", "next.pem")} {
			if name == "signing.next" {
				must(t, os.Rename(filepath.Join(dir, "keys", "official.pem"), next)) // some other certificate, announced as ours
				text := strings.Replace(string(installation), "office:\n  officials: [keys/official.pem]", "office:", 1)
				text = strings.Replace(text, "  key_file: keys/signing.key\n", "  key_file: keys/signing.key\n  next:\n    certificate_file: keys/next.pem\n    key_file: keys/signing.key\n", 1)
				must(t, os.WriteFile(config, []byte(text), 0o640))
			}
			must(t, os.WriteFile(file, theirs.ReplaceAll(profile, []byte(next)), 0o640))
			for _, command := range [][]string{{"config", "check"}, {"exchange"}, {"run"}} {
				code, _, errs := run(t, append(command, "-c", config)...)
				if code != exitConfig || !strings.Contains(errs, "signers[0].certificate_file: has the key of our own certificate") {
					t.Errorf("%s, %v: exit %d, want %d: %s", name, command, code, exitConfig, errs)
				}
			}
		}
	})
	t.Run("EveryFaultAtOnce", func(t *testing.T) {
		files, err := filepath.Glob(filepath.Join(dir, "banks.d", "*.yaml"))
		must(t, err)
		for i, from := range []string{"state: active", "every: 1m"} {
			data, err := os.ReadFile(files[i])
			must(t, err)
			must(t, os.WriteFile(files[i], []byte(strings.Replace(string(data), from, from+"x", 1)), 0o640))
		}
		code, out, errs := run(t, "config", "check", "-c", config, "--json")
		if code != exitConfig {
			t.Errorf("exit %d, want %d", code, exitConfig)
		}
		for _, f := range files {
			if !strings.Contains(errs, f+":") || !strings.Contains(out, filepath.Base(f)) {
				t.Errorf("no fault of %s in\n%s\n%s", f, errs, out)
			}
		}
	})
	t.Run("Schema", func(t *testing.T) {
		for _, what := range []string{"bank", "config"} {
			if out := done(t, "config", "schema", what); !strings.Contains(out, "json-schema.org/draft/2020-12") {
				t.Errorf("%s: %.200s", what, out)
			}
		}
	})
}

// only is the one file of a pattern within dir.
func only(t *testing.T, dir, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	must(t, err)
	if len(files) != 1 {
		t.Fatalf("%s: %d files, want one", pattern, len(files))
	}
	return files[0]
}

func TestExitCodes(t *testing.T) {
	_, config := stage(t, 1)
	bad := filepath.Join(t.TempDir(), "bad.xml")
	must(t, os.WriteFile(bad, []byte("<Restrictn>"), 0o600))
	for _, tt := range []struct {
		name string
		args []string
		want int
	}{
		{"UnknownCommand", []string{"nonsense"}, exitUsage},
		{"UnknownSubcommand", []string{"documents", "nonsense"}, exitUsage},
		{"UnknownFlag", []string{"exchange", "--nonsense"}, exitUsage},
		{"ExtraArgument", []string{"exchange", "extra", "-c", config}, exitUsage},
		{"UnknownBank", []string{"exchange", "--bank", "044525999", "-c", config}, exitUsage},
		{"NoConfiguration", []string{"exchange", "-c", "/nonexistent/config.yaml"}, exitConfig},
		{"ConfigurationIsAFolder", []string{"exchange", "-c", t.TempDir()}, exitConfig},
		{"MalformedDocument", []string{"document", "check", bad}, exitData},
		{"MalformedSubmission", []string{"submit", bad, "-c", config}, exitData},
		{"UnknownDocument", []string{"documents", "show", "'; DROP TABLE event", "-c", config}, exitData},
		{"RehearseNoBanks", []string{"rehearse", "--dir", t.TempDir(), "--banks", "0"}, exitUsage},
		{"RehearseTooMany", []string{"rehearse", "--dir", t.TempDir(), "--banks", "1001"}, exitUsage},
		{"RehearseQuirk", []string{"rehearse", "--dir", t.TempDir(), "--quirk", "nonsense"}, exitUsage},
		{"RehearseDelay", []string{"rehearse", "--dir", t.TempDir(), "--delay", "-1s"}, exitUsage},
		{"RehearseSeed", []string{"rehearse", "--dir", t.TempDir(), "--seed", "x"}, exitUsage},
		{"DemoTooMany", []string{"demo", "--dir", t.TempDir(), "--banks", "1001"}, exitUsage},
		{"BadLanguage", []string{"version", "--lang", "xx"}, exitUsage},
		{"Done", []string{"version"}, exitDone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "UnknownDocument" {
				done(t, "exchange", "-c", config) // so that there is a journal
			}
			if code, out, errs := run(t, tt.args...); code != tt.want {
				t.Errorf("exit %d, want %d\n%s%s", code, tt.want, out, errs)
			}
		})
	}
}

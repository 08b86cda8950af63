package banks

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// folder makes a folder of banks in which the files named by testdata are there: keys, certificates, and what is
// wrong with them.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "login.key", "key", 0o600)
	write(t, dir, "open.key", "key", 0o644)
	write(t, dir, "signer.pem", "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n", 0o644)
	write(t, dir, "copy.pem", "\x01\x02\x03", 0o644)
	write(t, dir, "other.pem", "\x01\x02\x04", 0o644)
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t testing.TB, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask is
		t.Fatal(err)
	}
	return path
}

// corpus lists the files of a pattern; an empty corpus is a broken test.
func corpus(t testing.TB, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(names), err)
	}
	return names
}

func content(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// wanted reads what a bad file says about itself: lines "# want LINE:COLUMN TEXT", "-" for no place.
func wanted(data []byte) []string {
	var wants []string
	for line := range strings.SplitSeq(string(bytes.ReplaceAll(data, []byte{0}, nil)), "\n") {
		if _, want, ok := strings.Cut(line, "# want "); ok {
			wants = append(wants, want)
		}
	}
	return wants
}

// compare holds problems against what was wanted, each by its beginning.
func compare(t *testing.T, file string, err error, wants []string) {
	t.Helper()
	var found Problems
	if !errors.As(err, &found) {
		t.Fatalf("accepted, or refused with no Problems: %v", err)
	}
	if len(wants) == 0 {
		t.Fatal("the file says nothing about what is wrong with it")
	}
	var missed []string
	rest := slices.Clone(found)
	for _, want := range wants {
		place, text, _ := strings.Cut(want, " ")
		text = strings.ReplaceAll(text, "DIR", filepath.Dir(file))
		begin := file + ":" + place + ": " + text
		if place == "-" {
			begin = file + ": " + text
		}
		i := slices.IndexFunc(rest, func(p Problem) bool { return strings.HasPrefix(p.String(), begin) })
		if i < 0 {
			missed = append(missed, begin)
			continue
		}
		rest = slices.Delete(rest, i, i+1)
	}
	if len(missed) > 0 || len(rest) > 0 {
		t.Errorf("found:\n%v\nnot found:\n%s\nnot wanted:\n%v", found, strings.Join(missed, "\n"), rest)
	}
	if !slices.IsSortedFunc(found, func(a, b Problem) int { return a.Line - b.Line }) {
		t.Errorf("not in the order of lines:\n%v", found)
	}
}

// TestBadFiles loads each bad file as the only bank and wants exactly the problems that the file announces.
func TestBadFiles(t *testing.T) {
	for _, path := range corpus(t, "testdata/bad/*.yaml") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			dir := folder(t)
			data := content(t, path)
			file := write(t, dir, "bank.yaml", string(data), 0o644)
			registry, err := Load(dir)
			if registry != nil {
				t.Error("a registry is handed out")
			}
			compare(t, file, err, wanted(data))
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the message repeats a secret: %v", err)
			}
		})
	}
}

// TestEveryRowOfBadInputHasAFile keeps the catalogue of bad configuration covered by name.
func TestEveryRowOfBadInputHasAFile(t *testing.T) {
	elsewhere := map[string]string{
		"B12": "testdata/pairs", "B16": "the zone is not a key of a bank; room schedule", "B18": "TestB18WhoMayWrite",
	}
	for row := 1; row <= 22; row++ {
		name := fmt.Sprintf("B%02d", row)
		files, err := filepath.Glob("testdata/bad/" + name + "-*.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if (len(files) > 0) == (elsewhere[name] != "") {
			t.Errorf("%s has %d files (elsewhere: %q)", name, len(files), elsewhere[name])
		}
	}
}

func TestB12TwoBanksThatShareWhatTheyMayNot(t *testing.T) {
	for _, path := range corpus(t, "testdata/pairs/*") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			dir := folder(t)
			write(t, dir, "a.yaml", string(content(t, filepath.Join(path, "a.yaml"))), 0o644)
			data := content(t, filepath.Join(path, "b.yaml"))
			file := write(t, dir, "b.yaml", string(data), 0o644)
			_, err := Load(dir)
			compare(t, file, err, wanted(data))
		})
	}
}

func TestGoodFiles(t *testing.T) {
	for _, path := range corpus(t, "testdata/good/*.yaml") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			dir := folder(t)
			file := write(t, dir, "bank.yaml", string(content(t, path)), 0o644)
			registry, err := Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			b, ok := registry.Bank("044525225")
			if !ok || len(registry.All()) != 1 || registry.All()[0] != b || b.File != file {
				t.Errorf("the registry has %v", registry.All())
			}
		})
	}
}

func TestB07NoBankAtAll(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), dir+": there is no bank here") {
		t.Errorf("an empty folder: %v", err)
	}
	missing := filepath.Join(dir, "banks.d")
	if _, err := Load(missing); err == nil || !strings.Contains(err.Error(), "cannot list the folder of banks: no such file or directory") {
		t.Errorf("a missing folder: %v", err)
	}
}

func TestB09AHugeFile(t *testing.T) {
	dir := folder(t)
	file := write(t, dir, "bank.yaml", strings.Repeat("# nothing\n", 110_000), 0o644)
	if _, err := Load(dir); err == nil || err.Error() != file+": it is larger than 1MiB" {
		t.Errorf("says %v", err)
	}
	if err := Decode("bank.yaml", bytes.Repeat([]byte("a"), 1<<20+1), &Bank{}); err == nil || err.Error() != "bank.yaml: it is larger than 1MiB" {
		t.Errorf("says %v", err)
	}
}

// TestAFileOfMistakesIsBounded wants a thousand faults to be told without end and without a flood.
func TestAFileOfMistakesIsBounded(t *testing.T) {
	err := Decode("bank.yaml", []byte("bics:\n"+strings.Repeat("  - &a \"1\"\n", 10_000)), &Bank{})
	var found Problems
	if !errors.As(err, &found) || len(found) > 200 {
		t.Errorf("%d problems", len(found))
	}
}

func TestNamesThatWouldBePassedOver(t *testing.T) {
	dir := folder(t)
	good := string(content(t, "testdata/good/smallest.yaml"))
	write(t, dir, "bank.yaml", good, 0o644)
	write(t, dir, ".hidden.yaml", "x", 0o644)
	write(t, dir, "bank.yaml~", "x", 0o644)
	write(t, dir, "README", "x", 0o644)
	if _, err := Load(dir); err != nil {
		t.Errorf("what is clearly no bank is read: %v", err)
	}
	write(t, dir, "second.yml", "x", 0o644)
	write(t, dir, "third.YAML", "x", 0o644)
	_, err := Load(dir)
	var found Problems
	if !errors.As(err, &found) || len(found) != 2 || !strings.Contains(err.Error(), "second.yml: only names that end with .yaml are read") {
		t.Errorf("says %v", err)
	}
}

// TestChecksOfOtherRoomsAreToldWithTheirPlace hands in a check as the timetable's will be.
func TestChecksOfOtherRoomsAreToldWithTheirPlace(t *testing.T) {
	dir := folder(t)
	good := string(content(t, "testdata/good/smallest.yaml"))
	file := write(t, dir, "bank.yaml", strings.Replace(good, "every: 15m", `cron: "0 9 31 2 *"`, 1), 0o644)
	line := 1 + strings.Count(good[:strings.Index(good, "every")], "\n")
	_, err := Load(dir, func(*Bank) Problems { return Problems{{Path: "bic", Text: "first"}} }, func(*Bank) Problems { return Problems{{Path: "bic", Text: "second"}} })
	if err == nil || strings.Contains(err.Error(), "second") {
		t.Errorf("one key is told twice: %v", err)
	}
	_, err = Load(dir, func(b *Bank) Problems {
		if b.Schedule.Cron != "0 9 31 2 *" {
			t.Errorf("asked about %+v", b.Schedule)
		}
		return Problems{{Path: "schedule.cron", Text: "never fires"}, {Path: "schedule.window", Text: "no such key in the file"}}
	})
	want := fmt.Sprintf("%s:%d:3: schedule.window: no such key in the file\n%s:%d:9: schedule.cron: never fires", file, line, file, line)
	if err == nil || err.Error() != want {
		t.Errorf("says\n%v\nwant\n%s", err, want)
	}
}

func TestB18AFolderThatEverybodyCanWrite(t *testing.T) {
	dir := folder(t)
	write(t, dir, "bank.yaml", string(content(t, "testdata/good/smallest.yaml")), 0o644)
	for mode, refused := range map[os.FileMode]bool{0o777: true, 0o757: true, 0o775: false, 0o777 | os.ModeSticky: false, 0o700: false} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); (err != nil) != refused || refused && err.Error() != dir+": everybody can put a bank here; run: chmod o-w "+dir {
			t.Errorf("mode %s: %v", mode, err)
		}
	}
}

func TestAllIsOrderedAndKeepsSuspendedBanks(t *testing.T) {
	dir := folder(t)
	good := string(content(t, "testdata/good/smallest.yaml"))
	write(t, dir, "z.yaml", good, 0o644)
	other := strings.NewReplacer("044525225", "040000001", "7707083893", "7709576929", "bank.example", "b.example", "signer.pem", "other.pem", "active", "suspended")
	write(t, dir, "y.yaml", other.Replace(good), 0o644)
	registry, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := registry.All()
	if len(all) != 2 || all[0].BIC != "040000001" || all[0].State != StateSuspended || all[1].BIC != "044525225" {
		t.Errorf("got %v", all)
	}
	all[0] = nil
	if registry.All()[0] == nil {
		t.Error("the caller can change the registry")
	}
	if _, ok := registry.Bank("044525974"); ok {
		t.Error("a bank that is not there is found")
	}
}

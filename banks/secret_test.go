package banks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// B17: a secret is printed by nothing.
func TestB17SecretsPrintStars(t *testing.T) {
	s := Secret{"hunter2"}
	var printed bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T%v"} {
		fmt.Fprintf(&printed, verb+"\n", []any{s, s}[:strings.Count(verb, "%")]...)
		fmt.Fprintf(&printed, verb+"\n", []any{&s, &s}[:strings.Count(verb, "%")]...)
	}
	fmt.Fprintln(&printed, s, struct{ Password Secret }{s}, []Secret{s}, map[string]Secret{"a": s}, fmt.Errorf("login: %v", s))
	slog.New(slog.NewJSONHandler(&printed, nil)).Info("login", slog.Any("password", s), slog.Any("all", struct{ Password Secret }{s}))
	slog.New(slog.NewTextHandler(&printed, nil)).Info("login", slog.Any("password", s), slog.Any("all", struct{ Password Secret }{s}))
	for _, marshal := range []func(any) ([]byte, error){json.Marshal, yaml.Marshal} {
		text, err := marshal(map[string]any{"s": s, "p": &s})
		if err != nil {
			t.Fatal(err)
		}
		printed.Write(text)
	}
	for _, form := range []string{"hunter2", "68756e74657232", "104 117"} {
		if strings.Contains(printed.String(), form) {
			t.Errorf("the secret shows as %s:\n%s", form, printed.String())
		}
	}
	if strings.Count(printed.String(), "****") < 20 {
		t.Errorf("few stars:\n%s", printed.String())
	}
	if s.Reveal() != "hunter2" {
		t.Error("Reveal does not reveal")
	}
}

func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	credentials := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", credentials)
	link := filepath.Join(dir, "link")
	if err := os.Symlink(write(t, dir, "target", "x", 0o600), link); err != nil {
		t.Fatal(err)
	}
	t.Run("without systemd no folder is its folder", func(t *testing.T) {
		t.Setenv("CREDENTIALS_DIRECTORY", "")
		write(t, dir, "here", "hunter2", 0o640)
		t.Chdir(dir)
		if _, err := ReadSecret("here"); err == nil {
			t.Error("accepted")
		}
	})
	for _, v := range []struct{ name, path, want, refused string }{
		{"as it is", write(t, dir, "plain", "hunter2", 0o600), "hunter2", ""},
		{"without the line end of an editor", write(t, dir, "line", "hunter2\n", 0o400), "hunter2", ""},
		{"without that of Windows", write(t, dir, "windows", "hunter2\r\n", 0o600), "hunter2", ""},
		{"blanks belong to a password", write(t, dir, "blanks", " hunter2 \n", 0o600), " hunter2 ", ""},
		{"only one line end goes", write(t, dir, "two", "hunter2\n\n", 0o600), "hunter2\n", ""},
		{"a credential of systemd shows a group right", write(t, credentials, "login", "hunter2", 0o440), "hunter2", ""},
		{"readable by the group", write(t, dir, "group", "hunter2", 0o640), "", "others than its owner can reach it (mode 0640); run: chmod 600 "},
		{"readable by all", write(t, dir, "all", "hunter2", 0o604), "", "others than its owner can reach it (mode 0604)"},
		{"empty", write(t, dir, "empty", "\n", 0o600), "", "the file is empty"},
		{"too large", write(t, dir, "large", strings.Repeat("x", maxSecret+1), 0o600), "", "it is larger than 64KiB"},
		{"a link", link, "", "it is a symbolic link"},
		{"a folder", dir, "", "it is not a plain file"},
		{"absent", filepath.Join(dir, "absent"), "", "no such file or directory"},
	} {
		t.Run(v.name, func(t *testing.T) {
			s, err := ReadSecret(v.path)
			switch {
			case v.refused == "" && (err != nil || s.Reveal() != v.want):
				t.Errorf("%q, %v", s.Reveal(), err)
			case v.refused != "" && (err == nil || !strings.Contains(err.Error(), v.refused) || strings.Contains(err.Error(), "hunter2")):
				t.Errorf("says %v", err)
			}
		})
	}
}

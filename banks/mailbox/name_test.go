package mailbox

import (
	"strings"
	"sync"
	"testing"

	"bankconnector/banks/mailbox/sieve"
	"bankconnector/banks/mailbox/wire"
	"bankconnector/internal/testkit"
)

// changers are servers that keep a file under another name than it was given.
var changers = map[string]func(name string) string{
	"lower case": strings.ToLower,
	"upper case": strings.ToUpper,
	"cut short":  func(name string) string { return name[:min(len(name), 40)] },
	"other signs": func(name string) string {
		return name[:1] + strings.NewReplacer(".", "_", "-", "_").Replace(name[1:])
	},
}

// TestServersThatChangeNames: F94. Nothing is shown to a bank whose server would show it under
// another name, and the check says what is wrong and what to ask for.
func TestServersThatChangeNames(t *testing.T) {
	for name, change := range changers {
		t.Run(name, func(t *testing.T) {
			h, b := hostile(t)
			h.Rename(change)
			failed := failedStep(t, Check(t.Context(), dialer(), b))
			if failed.Name != "canary name" || !strings.Contains(failed.Fix.EN, "changes the names") || failed.Fix.RU == "" || !strings.Contains(failed.Actual, "shows it as") {
				t.Errorf("the check fails at %q: %s; %+v", failed.Name, failed.Actual, failed.Fix)
			}
			s := dialed(t, dialer(), b)
			var group sync.WaitGroup
			for _, id := range []string{"1", "2", "3"} {
				group.Go(func() {
					file := "piev_" + id + ".zip"
					wantKind(t, s.Upload(t.Context(), TempName(file, strings.Repeat("Ab1", 9)), file, []byte("document")), Operator)
				})
			}
			group.Wait()
			if n := sent(h, "posix-rename /to-bank/.piev") + sent(h, "rename /to-bank/.piev"); n != 0 {
				t.Errorf("%d documents were shown to the bank", n)
			}
			items, _, err := s.readdir(t.Context(), toBank)
			if must(t, err); len(items) > 0 {
				t.Errorf("left at the bank: %+v", items)
			}
		})
	}
	t.Run("only when it is made", func(t *testing.T) {
		h, b := hostile(t)
		h.On("open", func(r *testkit.Request) {
			r.Path = strings.ToUpper(r.Path)
			r.Path = strings.Replace(r.Path, "TO-BANK", "to-bank", 1)
			r.Honest()
		})
		s := dialed(t, dialer(), b)
		wantKind(t, s.Upload(t.Context(), temp, final, []byte("document")), Operator)
	})
	t.Run("a file that is shown only when it is whole", func(t *testing.T) {
		h, b := hostile(t)
		h.Rename(strings.ToUpper)
		h.Extensions = nil // it closes the file when the WRITE was answered, not before
		written := make(chan *testkit.Request, 1)
		h.On("write", func(r *testkit.Request) { written <- r })
		h.On("readdir", func(r *testkit.Request) {
			h.On("readdir", nil)
			r.Status(1, "") // the end of the listing
			(<-written).Honest()
		})
		s := dialed(t, dialer(), b)
		wantKind(t, s.Upload(t.Context(), temp, final, []byte("document")), Operator)
	})
	t.Run("asked while the first file is written", func(t *testing.T) {
		h, b := hostile(t)
		written := make(chan *testkit.Request, 1)
		h.On("write", func(r *testkit.Request) { written <- r })
		h.On("opendir", func(r *testkit.Request) {
			(<-written).Honest()
			h.On("opendir", nil)
			r.Honest()
		})
		s := dialed(t, dialer(), b)
		must(t, s.Upload(t.Context(), temp, final, []byte("document")))
	})
	t.Run("an honest server is asked once", func(t *testing.T) {
		h, b := hostile(t)
		d := dialer()
		for range 2 {
			s := dialed(t, d, b)
			for _, id := range []string{"1", "2"} {
				file := "piev_" + id + ".zip"
				must(t, s.Upload(t.Context(), TempName(file, strings.Repeat(id, 20)), file, []byte("document")))
				must(t, s.Sweep(t.Context(), TempName(file, strings.Repeat(id, 20))))
			}
		}
		if n := sent(h, "opendir"); n != 1 {
			t.Errorf("%d listings, want 1", n)
		}
	})
}

func TestShown(t *testing.T) {
	const name = ".piev_100200300.zip.Token9.part"
	for _, c := range []struct{ there, want string }{
		{name, name},
		{".PIEV_100200300.ZIP.TOKEN9.PART", ".PIEV_100200300.ZIP.TOKEN9.PART"},
		{"_piev_100200300_zip_Token9_part", "_piev_100200300_zip_Token9_part"},
		{".piev_100200300.zip.To", ".piev_100200300.zip.To"},
		{"piev_100200300.zip", ""}, // the document itself, of an earlier upload
		{".piev_1", ""},
		{".piev_100200300.zip.Token8.part", ""},
		{"", ""},
	} {
		if got := sieve.Shown([]wire.Item{{Name: "rep_1.zip"}, {Name: c.there}}, name); got != c.want {
			t.Errorf("%q beside %q: %q, want %q", c.there, name, got, c.want)
		}
	}
}

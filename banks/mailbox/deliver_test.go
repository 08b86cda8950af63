package mailbox

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"bankconnector/internal/testkit"
)

func deliver(t *testing.T, s *Session, root testkit.Root, data []byte) {
	name := fmt.Sprintf("piev_%d.zip", len(data))
	part := TempName(name, "a1")
	must(t, s.Upload(t.Context(), part, name, data))
	got, err := os.ReadFile(filepath.Join(root.ToBank, part))
	must(t, err)
	if !bytes.Equal(got, data) {
		t.Fatal("other bytes under the temporary name")
	}
	must(t, s.Publish(t.Context(), part, name))
	if got, err = os.ReadFile(filepath.Join(root.ToBank, name)); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("other bytes under the final name: %v", err)
	}
	if _, err := os.Stat(filepath.Join(root.ToBank, part)); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the temporary name is still there: %v", err)
	}
	back, err := s.Read(t.Context(), name, int64(len(data)))
	must(t, err)
	if !bytes.Equal(back, data) {
		t.Fatal("other bytes read back")
	}
	must(t, os.Remove(filepath.Join(root.ToBank, name)))
}

func markerMode(t *testing.T, x site) {
	x.bank.Delivery.Mode = "marker"
	s := dialed(t, dialer(), x.bank)
	data := random(t, 5000)
	must(t, s.Upload(t.Context(), temp, final, data))
	if got := names(t, x.root.ToBank); got != final {
		t.Fatalf("after upload: %s", got)
	}
	sight, err := s.Look(t.Context(), temp, final)
	must(t, err)
	if sight.Temp == nil || sight.Temp.Size != 5000 || sight.Final != nil {
		t.Fatalf("look after upload: %+v", sight)
	}
	must(t, s.Publish(t.Context(), temp, final))
	if got := names(t, x.root.ToBank); got != final+" "+final+".done" {
		t.Fatalf("after publish: %s", got)
	}
	wantKind(t, s.Publish(t.Context(), temp, final), Exists)
	wantKind(t, s.Upload(t.Context(), temp, final, data), Exists)
}

func markerLeftover(t *testing.T, x site) {
	x.bank.Delivery.Mode = "marker"
	put(t, x.root.ToBank, final, []byte("half a document"))
	s := dialed(t, dialer(), x.bank)
	data := random(t, 100)
	must(t, s.Upload(t.Context(), temp, final, data))
	got, err := os.ReadFile(filepath.Join(x.root.ToBank, final))
	must(t, err)
	if !bytes.Equal(got, data) {
		t.Fatal("the leftover is still there")
	}
}

func directMode(t *testing.T, x site) {
	x.bank.Delivery.Mode = "direct"
	s := dialed(t, dialer(), x.bank)
	data := random(t, 40_000)
	wantKind(t, s.Publish(t.Context(), temp, final), Refused)
	must(t, s.Upload(t.Context(), temp, final, data))
	if got := names(t, x.root.ToBank); got != "" {
		t.Fatalf("upload wrote %s", got)
	}
	must(t, s.Publish(t.Context(), temp, final))
	got, err := os.ReadFile(filepath.Join(x.root.ToBank, final))
	must(t, err)
	if !bytes.Equal(got, data) {
		t.Fatal("other bytes")
	}
	must(t, s.Upload(t.Context(), temp, final, data))
	wantKind(t, s.Publish(t.Context(), temp, final), Exists)
}

func tempFolder(t *testing.T, x site) {
	x.bank.Delivery.TempFolder = filepath.Join(x.root.Dir, "staging")
	must(t, os.Mkdir(x.bank.Delivery.TempFolder, 0o755))
	s := dialed(t, dialer(), x.bank)
	must(t, s.Upload(t.Context(), temp, final, []byte("x")))
	if got := names(t, x.root.ToBank); got != "" {
		t.Fatalf("to_bank holds %s before publish", got)
	}
	must(t, s.Publish(t.Context(), temp, final))
	if got := names(t, x.root.ToBank); got != final {
		t.Fatalf("to_bank holds %s", got)
	}
}

func takenName(t *testing.T, x site) {
	for _, mode := range []string{"auto", "rename", "posix-rename"} {
		x.bank.Delivery.Mode = mode
		put(t, x.root.ToBank, final, []byte("the bank's"))
		s := dialed(t, dialer(), x.bank)
		must(t, s.Upload(t.Context(), temp, final, []byte("ours")))
		wantKind(t, s.Upload(t.Context(), temp, final, []byte("ours again")), Exists)
		wantKind(t, s.Publish(t.Context(), temp, final), Exists)
		got, err := os.ReadFile(filepath.Join(x.root.ToBank, final))
		must(t, err)
		if string(got) != "the bank's" {
			t.Fatalf("overwritten with %q", got)
		}
		must(t, s.Sweep(t.Context(), temp))
	}
}

func look(t *testing.T, x site) {
	s := dialed(t, dialer(), x.bank)
	for _, c := range []struct{ temp, final bool }{{false, false}, {true, false}, {true, true}, {false, true}} {
		if c.temp {
			put(t, x.root.ToBank, temp, []byte("1234"))
		} else {
			_ = os.Remove(filepath.Join(x.root.ToBank, temp))
		}
		if c.final {
			put(t, x.root.ToBank, final, []byte("12345"))
		}
		sight, err := s.Look(t.Context(), temp, final)
		must(t, err)
		if (sight.Temp != nil) != c.temp || (sight.Final != nil) != c.final {
			t.Fatalf("%+v: %+v", c, sight)
		}
		if c.temp && sight.Temp.Size != 4 || c.final && sight.Final.Size != 5 {
			t.Fatalf("%+v: sizes of %+v", c, sight)
		}
	}
}

func readBack(t *testing.T, x site) {
	s := dialed(t, dialer(), x.bank)
	put(t, x.root.ToBank, final, random(t, 1000))
	_, err := s.Read(t.Context(), final, 999)
	wantKind(t, err, Refused)
	_, err = s.Read(t.Context(), "piev_none.zip", 999)
	wantKind(t, err, Gone)
	data, err := s.Read(t.Context(), final, 1000)
	if err != nil || len(data) != 1000 {
		t.Fatalf("%d octets, %v", len(data), err)
	}
}

func sweep(t *testing.T, x site) {
	s := dialed(t, dialer(), x.bank)
	put(t, x.root.ToBank, temp, []byte("x"))
	put(t, x.root.ToBank, final, []byte("x"))
	must(t, s.Sweep(t.Context(), temp))
	must(t, s.Sweep(t.Context(), temp))
	for _, name := range []string{final, "..", "../x", ".part", "", "." + final, temp + "/.."} {
		wantKind(t, s.Sweep(t.Context(), name), Refused)
	}
	folder := TempName("piev_folder.zip", "1")
	must(t, os.Mkdir(filepath.Join(x.root.ToBank, folder), 0o755))
	wantKind(t, s.Sweep(t.Context(), folder), Refused)
	if got := names(t, x.root.ToBank); got != folder+" "+final {
		t.Fatalf("left: %s", got)
	}
}

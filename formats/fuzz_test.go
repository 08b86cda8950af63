package formats

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// plant seeds a fuzz target with every fixture and every bad document of the rules; none is a failure.
func plant(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("testdata/good/*.xml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seed in testdata/good: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, m := range mutations() {
		f.Add([]byte(m.apply(f)))
	}
}

// sound holds what every list of faults promises.
func sound(t *testing.T, faults Faults) {
	t.Helper()
	for _, f := range faults {
		if f.Path == "" || f.Path[0] != '/' || f.Line < 1 || f.RU == "" || f.EN == "" || f.Code < 90 || f.Code > 99 {
			t.Fatalf("fault %+v", f)
		}
	}
}

// FuzzDecode: no input breaks the reader, and what it accepts is written and read again as the same document.
func FuzzDecode(f *testing.F) {
	plant(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		r := rules()
		r.Windows1251 = true
		r.Namespaces = []string{"urn:one"}
		d, faults := Decode(data, r)
		sound(t, faults)
		if len(faults) > 0 {
			return
		}
		again, err := Encode(d, "")
		if err != nil {
			t.Fatalf("an accepted document cannot be written: %v", err)
		}
		back, faults := Decode(again, r)
		if len(faults) > 0 {
			t.Fatalf("a written document is refused: %v\n%s", faults, again)
		}
		if diff := cmp.Diff(d, back); diff != "" {
			t.Fatal(diff)
		}
	})
}

// FuzzManifest is FuzzDecode for manifests.
func FuzzManifest(f *testing.F) {
	plant(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, faults := DecodeManifest(data)
		sound(t, faults)
		if len(faults) > 0 {
			return
		}
		again, err := EncodeManifest(m)
		if err != nil {
			t.Fatalf("an accepted manifest cannot be written: %v", err)
		}
		back, faults := DecodeManifest(again)
		if diff := cmp.Diff(m, back); len(faults) > 0 || diff != "" {
			t.Fatal(faults, diff)
		}
	})
}

// FuzzOriginal: no input breaks the reader of originals, and comparing any two never fails.
func FuzzOriginal(f *testing.F) {
	plant(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		o, faults := DecodeOriginal(data, rules())
		sound(t, faults)
		if len(faults) > 0 {
			return
		}
		if !IsOriginal(data) {
			t.Fatal("accepted, but not told from a document")
		}
		o.Agrees(document(t, KindOrder).(*Order))
		again, err := EncodeOriginal(o)
		if err != nil {
			t.Fatalf("an accepted original cannot be written: %v", err)
		}
		back, faults := DecodeOriginal(again, rules())
		if diff := cmp.Diff(o, back); len(faults) > 0 || diff != "" {
			t.Fatal(faults, diff)
		}
	})
}

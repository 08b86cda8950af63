package formats

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// today is the day of all fixtures.
func today() time.Time { return time.Date(2026, 2, 5, 10, 0, 0, 0, time.FixedZone("MSK", 3*3600)) }

// rules are those of a bank with two БИК codes.
func rules() Rules { return Rules{Today: today(), BICs: []string{"044525225", "044525974"}} }

func sampleBank() SampleBank {
	return SampleBank{BIC: "044525225", Name: "ПАО «Учебный банк»", INN: "7707083893", KPP: "773601001", OGRN: "1027700132195"}
}

// good reads a fixture that has every element of its kind in the order of writing.
func good(t testing.TB, kind Kind) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "good", string(kind)+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const (
	kindManifest Kind = "manifest"
	kindOriginal Kind = "original"
)

// faultsOf reads a file of any kind, by the kind it means to be.
func faultsOf(kind Kind, data string) Faults {
	if kind == kindManifest {
		_, faults := DecodeManifest([]byte(data))
		return faults
	}
	if kind == kindOriginal {
		_, faults := DecodeOriginal([]byte(data), rules())
		return faults
	}
	_, faults := Decode([]byte(data), rules())
	return faults
}

// mutation is one change of a good fixture and the fault that it must cause.
type mutation struct {
	name     string
	kind     Kind
	old, new string // first occurrence of old, which must be there, becomes new; … stands for anything between
	path     string // of the fault; "" when the change is tolerated
	code     int
	// lax marks a fault of form that a schema cannot see: XML itself, or blanks that the type of the schema collapses.
	lax bool
}

func (m mutation) apply(t testing.TB) string {
	t.Helper()
	text := good(t, m.kind)
	from, to, gap := strings.Cut(m.old, "…")
	start := strings.Index(text, from)
	if start < 0 {
		t.Fatalf("the good %s does not hold %q", m.kind, from)
	}
	end := start + len(from)
	if gap {
		length := strings.Index(text[end:], to)
		if length < 0 {
			t.Fatalf("the good %s does not hold %q after %q", m.kind, to, from)
		}
		end += length + len(to)
	}
	return text[:start] + m.new + text[end:]
}

package banks

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

// FuzzDecode wants any text to be refused with problems in their places, or to be a bank that can be written and read
// again as the same.
func FuzzDecode(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml", "example.yaml"} {
		for _, path := range corpus(f, pattern) {
			f.Add(content(f, path))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var b, again Bank
		if err := Decode("/etc/banks.d/b.yaml", data, &b); err != nil {
			var problems Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("refused with no Problems: %v", err)
			}
			return
		}
		text, err := yaml.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := Decode("/other/b.yaml", text, &again); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if d := cmp.Diff(b, again); d != "" {
			t.Errorf("comes back different:\n%s", d)
		}
	})
}

// BenchmarkLoad reads a thousand banks, as a reload does.
func BenchmarkLoad(b *testing.B) {
	const banks = 1000
	dir := b.TempDir()
	good := string(content(b, "testdata/good/smallest.yaml"))
	for i := range banks {
		inn := fmt.Sprintf("77%07d", i)
		for last := range 10 {
			if number := fmt.Sprintf("%s%d", inn, last); checkINN(number) == nil {
				inn = number
				break
			}
		}
		bank := strings.NewReplacer("044525225", fmt.Sprintf("04%07d", i), "7707083893", inn, "bank.example", fmt.Sprintf("b%d.example", i), "active", "suspended", "signer.pem", fmt.Sprintf("%d.pem", i))
		write(b, dir, fmt.Sprintf("%d.yaml", i), bank.Replace(good), 0o644)
	}
	for b.Loop() {
		if r, err := Load(dir); err != nil || len(r.All()) != banks {
			b.Fatal(err)
		}
	}
}

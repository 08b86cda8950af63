package list

import (
	"slices"
	"testing"
	"testing/fstest"
)

func TestRead(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
		bad  bool
	}{
		"empty":          {"# nothing\n\n", nil, false},
		"two":            {"a/b TestC: why.\n  d TestE/sub: because: so.\n", []string{"a/b TestC", "d TestE/sub"}, false},
		"without reason": {"a TestB\n", nil, true},
		"empty reason":   {"a TestB: \n", nil, true},
		"without folder": {"TestB: why.\n", nil, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Read(fstest.MapFS{"l": {Data: []byte(tt.text)}}, "l")
			if tt.bad != (err != nil) || !slices.Equal(got, tt.want) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	t.Run("no file", func(t *testing.T) {
		if _, err := Read(fstest.MapFS{}, "l"); err == nil {
			t.Error("no error")
		}
	})
}

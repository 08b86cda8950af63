package gost

import (
	"bytes"
	"os"
	"testing"

	"bankconnector/crypto/gost/internal/gen"
)

func TestGeneratedFilesAreCurrent(t *testing.T) {
	files, err := gen.Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		t.Run(name, func(t *testing.T) {
			got, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Error("the file is not what internal/gen writes: run go generate ./crypto/gost")
			}
		})
	}
}

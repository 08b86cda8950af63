//go:build ignore

// Command write puts the generated files of package gost into the current folder.
package main

import (
	"fmt"
	"os"

	"bankconnector/crypto/gost/internal/gen"
)

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write() error {
	files, err := gen.Files()
	if err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(name, data, 0o644); err != nil {
			return fmt.Errorf("write generated file: %w", err)
		}
	}
	return nil
}

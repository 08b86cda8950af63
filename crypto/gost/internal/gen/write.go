//go:build ignore

// Command write puts the generated files of package gost into the current folder.
package main

import (
	"log"
	"os"

	"bankconnector/crypto/gost/internal/gen"
)

func main() {
	files, err := gen.Files()
	if err != nil {
		log.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(name, data, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

package main

import (
	"encoding/json"
	"path/filepath"
	"testing"
)

// TestEveryReportIsOneJSONDocument runs each command that lists or reports with --json,
// with rows and without.
func TestEveryReportIsOneJSONDocument(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	done(t, "demo", "--dir", dir, "--banks", "1", "--documents", "2", "--json")
	for _, args := range [][]string{
		{"version"},
		{"config", "check", "-c", config},
		{"config", "schema"},
		{"bank", "list", "-c", config},
		{"bank", "show", onlyBank(t, dir), "-c", config},
		{"keys", "list", "-c", config},
		{"documents", "list", "-c", config},
		{"documents", "list", "-c", config, "--state", "Suspect"},
		{"documents", "show", "1", "-c", config},
		{"journal", "query", "-c", config, "exchanges"},
		{"journal", "query", "-c", config, "overdue"},
		{"journal", "verify", "-c", config},
		{"sample", "-c", config, "--documents", "1"},
	} {
		out := done(t, append(args, "--json")...)
		var v any
		if err := json.Unmarshal([]byte(out), &v); err != nil || v == nil {
			t.Errorf("%v: %v\n%.300s", args, err, out)
		}
	}
}

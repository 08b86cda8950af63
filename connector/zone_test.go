package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTimesAreOfTheInstallation: every table shows times in the zone of the configuration and names it, whatever the zone
// of the machine is.
func TestTimesAreOfTheInstallation(t *testing.T) {
	dir := t.TempDir()
	done(t, "demo", "--dir", dir, "--banks", "1", "--documents", "1", "--json")
	config := filepath.Join(dir, "config.yaml")
	edit(t, config, "time_zone: Europe/Moscow", "time_zone: Asia/Vladivostok")
	zone, err := time.LoadLocation("Asia/Vladivostok")
	must(t, err)
	at, err := time.Parse(time.RFC3339, query(t, book(t, dir), `SELECT at FROM event WHERE kind = 'exchange.opened' ORDER BY seq LIMIT 1`)[0])
	must(t, err)
	there := at.In(zone).Format("2006-01-02 15:04:05")
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{[]string{"documents", "list", "--lang", "en"}, []string{"SINCE (ASIA/VLADIVOSTOK)", "DUE (ASIA/VLADIVOSTOK)", there[:13]}},
		{[]string{"documents", "show", "1", "--lang", "ru"}, []string{"время (Asia/Vladivostok)", there}},
		{[]string{"bank", "list", "--lang", "en"}, []string{"NEXT VISIT (ASIA/VLADIVOSTOK)"}},
		{[]string{"keys", "list", "--lang", "en"}, []string{"UNTIL (ASIA/VLADIVOSTOK)"}},
	} {
		out := done(t, append(tt.args, "-c", config)...)
		for _, want := range tt.want {
			if !strings.Contains(out, want) {
				t.Errorf("%v does not show %q:\n%s", tt.args, want, out)
			}
		}
	}
	day := at.In(zone).AddDate(0, 0, 1).Format(time.DateOnly)
	if out := done(t, "documents", "list", "-c", config, "--since", day); strings.Contains(out, "order") {
		t.Errorf("a day is not one of the installation's zone:\n%s", out)
	}
}

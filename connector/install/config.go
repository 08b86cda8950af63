// Package install is the program on one machine: config.yaml read strictly, the state
// folder locked, every room opened and joined to the next.
//
// It decides nothing about documents. It may open every room below; only main opens it.
package install

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"bankconnector/banks"
	"bankconnector/banks/mailbox/vault"
	"bankconnector/connector/evidence/dated"
	"bankconnector/connector/evidence/outlet"
	"bankconnector/connector/flow/act"
	"bankconnector/connector/install/aging"
	"bankconnector/connector/install/signing"
	"bankconnector/connector/install/trust"
	"bankconnector/connector/spool"
	"bankconnector/schedule"
)

// Config is the content of config.yaml, defaults applied, paths made absolute. The
// meaning of every key stands in config.example.yaml.
type Config struct {
	StateDir  string         `yaml:"state_dir" jsonschema:"required" resolve:"path"`
	OfficeDir string         `yaml:"office_dir" jsonschema:"required" resolve:"path"`
	BanksDir  string         `yaml:"banks_dir" jsonschema:"required" resolve:"path"`
	TimeZone  string         `yaml:"time_zone" jsonschema:"default=Europe/Moscow"`
	AllowRoot bool           `yaml:"allow_root"`
	Signing   signing.Config `yaml:"signing" jsonschema:"required"`
	Office    OfficeConfig   `yaml:"office"`
	Visits    Visits         `yaml:"visits"`
	Calendar  CalendarDays   `yaml:"calendar"`

	Checkpoint Checkpoint    `yaml:"checkpoint"`
	Backup     *vault.Config `yaml:"backup,omitempty"`
	Approvals  Approvals     `yaml:"approvals"`

	Journal   aging.Journal   `yaml:"journal"`
	Retention aging.Retention `yaml:"retention"`
}

// Approvals are how many persons must do the same before an act on a document is done: 1,
// or 2 for what no person should decide alone.
type Approvals struct {
	Release int `yaml:"release" jsonschema:"default=1,minimum=1,maximum=2"`
	Reject  int `yaml:"reject" jsonschema:"default=1,minimum=1,maximum=2"`
	Cancel  int `yaml:"cancel" jsonschema:"default=1,minimum=1,maximum=2"`
	Resend  int `yaml:"resend" jsonschema:"default=1,minimum=1,maximum=2"`
	Resolve int `yaml:"resolve" jsonschema:"default=1,minimum=1,maximum=2"`
	Config  int `yaml:"config" jsonschema:"default=1,minimum=1,maximum=2"`
}

func (a Approvals) of(name string) int {
	return map[string]int{act.Release: a.Release, act.Reject: a.Reject, act.Cancel: a.Cancel, act.Resend: a.Resend, act.Resolve: a.Resolve}[name]
}

// Checkpoint is where signed heads of the journal go besides STATE_DIR/checkpoints, and
// the key that signs them and nothing else.
type Checkpoint struct {
	File      string        `yaml:"file" resolve:"path"`
	Syslog    string        `yaml:"syslog"`
	KeyFile   string        `yaml:"key_file" resolve:"path"`
	Timestamp *dated.Config `yaml:"timestamp,omitempty"`
}

// Check refuses a log whose address nobody understands.
func (c *Checkpoint) Check() banks.Problems {
	if c.Syslog == "" {
		return nil
	}
	if _, err := outlet.ReadLog(c.Syslog); err != nil {
		return banks.Problems{{Path: "syslog", Text: err.Error()}}
	}
	return nil
}

// OfficeConfig is how the bailiffs' system is met. Without officials the signed
// originals are carried as they are, their signatures unchecked.
type OfficeConfig struct {
	Officials []string      `yaml:"officials" resolve:"path"`
	FileSize  banks.Size    `yaml:"file_size" jsonschema:"default=16MiB,minimum=64KiB,maximum=64MiB"`
	Poll      time.Duration `yaml:"poll" jsonschema:"default=5s,minimum=1s,maximum=10m"`
}

// Visits bound how many banks are called on at once, and how many of those may be
// shaking hands: each handshake costs both sides milliseconds of processor time.
type Visits struct {
	Parallel   int `yaml:"parallel" jsonschema:"default=16,minimum=1,maximum=1000"`
	Handshakes int `yaml:"handshakes" jsonschema:"default=8,minimum=1,maximum=100"`
}

// CalendarDays are the transfers of days off that the Government decrees each year
// (ТК РФ ст. 112), as dates.
type CalendarDays struct {
	DaysOff  []string `yaml:"days_off" jsonschema:"maxItems=1000"`
	WorkDays []string `yaml:"work_days" jsonschema:"maxItems=1000"`
}

// Check refuses folders that contain one another: what the office may write must never
// be what the journal lies in.
func (c *Config) Check() banks.Problems {
	var problems banks.Problems
	if c.StateDir != "" && c.OfficeDir == c.StateDir {
		problems = append(problems, banks.Problem{Path: "office_dir", Text: "is state_dir too; the office must not write where the journal lies"})
	}
	if _, err := c.calendar(); err != nil {
		problems = append(problems, banks.Problem{Path: "calendar", Text: err.Error()})
	}
	return problems
}

func (c *Config) calendar() (*schedule.Calendar, error) {
	loc, err := schedule.Zone(c.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("time_zone: %w", err)
	}
	return schedule.NewCalendar(loc, c.Calendar.DaysOff, c.Calendar.WorkDays)
}

// quarantine opens the folder of what was refused.
func (c *Config) quarantine() (*spool.Quarantine, error) {
	return spool.OpenQuarantine(filepath.Join(c.StateDir, "quarantine"))
}

// Plan is a configuration that was read and found sound: nothing of it is open yet.
type Plan struct {
	Path     string
	Config   Config
	Registry *banks.Registry
	Calendar *schedule.Calendar
	tables   map[banks.ID]*schedule.Timetable
}

// Read reads config.yaml and every bank of its banks_dir. The error is banks.Problems:
// all that is wrong anywhere, at once.
func Read(path string) (*Plan, error) {
	p := &Plan{Path: path, tables: make(map[banks.ID]*schedule.Timetable)}
	data, err := banks.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := banks.Decode(path, data, &p.Config); err != nil {
		return nil, err
	}
	if p.Calendar, err = p.Config.calendar(); err != nil {
		return nil, banks.Problems{{File: path, Path: "calendar", Text: err.Error()}}
	}
	p.Registry, err = banks.Load(p.Config.BanksDir, p.checkTimetable, trust.NotOurs(p.Config.Signing.Certificates()), trust.Check)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// checkTimetable makes a bank's timetable, so that an expression that never fires is
// found before the daemon waits for it.
func (p *Plan) checkTimetable(b *banks.Bank) banks.Problems {
	table, err := schedule.NewTimetable(schedule.Rule(b.Schedule), p.Calendar)
	var rule *schedule.RuleError
	if errors.As(err, &rule) {
		return banks.Problems{{Path: "schedule." + rule.Field, Text: rule.Text}}
	}
	if err != nil {
		return banks.Problems{{Path: "schedule", Text: err.Error()}}
	}
	p.tables[b.BIC] = table
	return nil
}

// Timetable returns when a bank is visited.
func (p *Plan) Timetable(id banks.ID) *schedule.Timetable { return p.tables[id] }

// Select returns the banks with these БИК, or every bank when none is named, ordered by
// БИК.
func (p *Plan) Select(ids []string) ([]*banks.Bank, error) {
	if len(ids) == 0 {
		return p.Registry.All(), nil
	}
	var list []*banks.Bank
	for _, id := range ids {
		b, ok := p.Registry.Bank(banks.ID(id))
		if !ok {
			return nil, fmt.Errorf("no bank with BIC %q in %s", id, p.Config.BanksDir)
		}
		if !slices.Contains(list, b) {
			list = append(list, b)
		}
	}
	slices.SortFunc(list, func(a, b *banks.Bank) int { return cmp.Compare(a.BIC, b.BIC) })
	return list, nil
}

// knows tells whether a folder of the office's inbox is a bank's.
func (p *Plan) knows(folder string) bool {
	_, ok := p.Registry.Bank(banks.ID(folder))
	return ok
}

// Strays lists what the office left for no bank of the configuration.
func (p *Plan) Strays() ([]spool.Stray, error) { return spool.Strays(p.Config.OfficeDir, p.knows) }

// JournalPath is where the journal of this installation lies.
func (p *Plan) JournalPath() string { return filepath.Join(p.Config.StateDir, "journal.db") }

// StorePath is where the content store lies.
func (p *Plan) StorePath() string { return filepath.Join(p.Config.StateDir, "store") }

func (p *Plan) checkpointKey() string {
	return cmp.Or(p.Config.Checkpoint.KeyFile, filepath.Join(p.Config.StateDir, "checkpoint.key"))
}

// CheckpointPublicPath is where the public half of the checkpoints' key lies, for auditors.
func (p *Plan) CheckpointPublicPath() string {
	return filepath.Join(p.Config.StateDir, "checkpoint.pub")
}

// CheckpointPaths are the files of checkpoints, the one in the state folder first.
func (p *Plan) CheckpointPaths() []string {
	paths := []string{filepath.Join(p.Config.StateDir, "checkpoints")}
	if file := p.Config.Checkpoint.File; file != "" && file != paths[0] {
		paths = append(paths, file)
	}
	return paths
}

// Schema returns the JSON Schema (draft 2020-12) of config.yaml, for editors.
func Schema() ([]byte, error) {
	return banks.SchemaOf(&Config{}, "bankconnector: the installation", "")
}

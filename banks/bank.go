// Package banks says who the banks are: one YAML file for each, read strictly, checked as a whole and handed out
// as plain data. There is no code per bank anywhere in the program; whatever differs between banks is a key here.
//
// The package reads configuration files and nothing else: it opens no connection, parses no certificate, knows no
// clock and no document. It calls no other room; the check of a timetable, which belongs to the room schedule, is
// handed to [Load] as a function.
//
// Strictness is the point. A misspelt key that is silently a default, a port read as octal or a folder pasted from
// another bank's file would send an arrest order to the wrong place, so every doubt is a [Problem] with file, line
// and column, and all problems of all files are told at once.
package banks

import (
	"slices"
	"time"
)

// ID is a bank's БИК: nine digits beginning with 04 (a credit organisation). It has no check digit; a mistyped one
// is caught by the ИНН and ОГРН beside it and by the rule that no two banks share one.
type ID string

// State says what may be done with a bank.
type State string

const (
	// StateTesting is a bank being onboarded: it can be checked and rehearsed with, and gets no real document.
	StateTesting State = "testing"
	// StateActive is a bank in service.
	StateActive State = "active"
	// StateSuspended is a bank that is not visited. It keeps its БИК, so that its documents wait and go nowhere else.
	StateSuspended State = "suspended"
)

// Bank is the profile of one bank: the content of one file of banks.d, defaults applied, paths made absolute.
// The meaning of every key, with its default, stands in example.yaml.
type Bank struct {
	BIC       ID        `yaml:"bic" jsonschema:"required"`
	BICs      []ID      `yaml:"bics,omitempty"`
	Name      string    `yaml:"name" jsonschema:"required,minLength=1,maxLength=250"`
	INN       string    `yaml:"inn" jsonschema:"required,pattern=^[0-9]{10}$"`
	OGRN      string    `yaml:"ogrn,omitempty" jsonschema:"pattern=^[0-9]{13}$"`
	KPP       string    `yaml:"kpp,omitempty" jsonschema:"pattern=^[0-9]{4}[0-9A-Z]{2}[0-9]{3}$"`
	State     State     `yaml:"state" jsonschema:"required,enum=testing,enum=active,enum=suspended"`
	SFTP      SFTP      `yaml:"sftp" jsonschema:"required"`
	Schedule  Schedule  `yaml:"schedule" jsonschema:"required"`
	Signers   []Signer  `yaml:"signers" jsonschema:"required,minItems=1,maxItems=32"`
	Trust     Trust     `yaml:"trust,omitempty"`
	Signature Signature `yaml:"signature,omitempty"`
	Format    Format    `yaml:"format,omitempty"`
	Delivery  Delivery  `yaml:"delivery,omitempty"`
	Pickup    Pickup    `yaml:"pickup,omitempty"`
	Deadlines Deadlines `yaml:"deadlines,omitempty"`
	Limits    Limits    `yaml:"limits,omitempty"`

	// File is the file this profile was read from; not a key.
	File string `yaml:"-"`
}

// Codes returns every БИК of the bank as text, the main one first, none twice: the list that a document's accounts
// and addressee are compared with.
func (b *Bank) Codes() []string {
	codes := []string{string(b.BIC)}
	for _, id := range b.BICs {
		if !slices.Contains(codes, string(id)) {
			codes = append(codes, string(id))
		}
	}
	return codes
}

// SFTP is the road to the bank's mailbox.
type SFTP struct {
	Host         string        `yaml:"host" jsonschema:"required,minLength=1,maxLength=253"`
	Port         int           `yaml:"port,omitempty" jsonschema:"default=22,minimum=1,maximum=65535"`
	User         string        `yaml:"user" jsonschema:"required,minLength=1,maxLength=128"`
	KeyFile      string        `yaml:"key_file,omitempty" resolve:"path"`
	PasswordFile string        `yaml:"password_file,omitempty" resolve:"path"`
	HostKeys     []HostKey     `yaml:"host_keys" jsonschema:"required,minItems=1,maxItems=32"`
	Algorithms   Algorithms    `yaml:"algorithms,omitempty"`
	ToBank       string        `yaml:"to_bank,omitempty" jsonschema:"default=/to-bank,pattern=^/"`
	FromBank     string        `yaml:"from_bank,omitempty" jsonschema:"default=/from-bank,pattern=^/"`
	Timeout      time.Duration `yaml:"timeout,omitempty" jsonschema:"default=30s,minimum=1s,maximum=10m"`
	Keepalive    time.Duration `yaml:"keepalive,omitempty" jsonschema:"default=15s,minimum=1s,maximum=5m"`
}

// Algorithms are allow lists for the SSH transport (RFC 4253 §7.1), in order of preference. An empty list stands
// for the program's own list; a list given here replaces it for this bank only.
type Algorithms struct {
	KEX     []string `yaml:"kex,omitempty"`
	Ciphers []string `yaml:"ciphers,omitempty"`
	MACs    []string `yaml:"macs,omitempty"`
	HostKey []string `yaml:"host_key,omitempty"`
}

// Schedule says when the bank is visited. Its fields are those of schedule.Rule, in the same order, so that one
// converts into the other; the room schedule checks the expression.
type Schedule struct {
	Cron        string        `yaml:"cron,omitempty"`
	Every       time.Duration `yaml:"every,omitempty" jsonschema:"minimum=1m,maximum=24h"`
	Window      string        `yaml:"window,omitempty" jsonschema:"pattern=^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"`
	WorkingDays bool          `yaml:"working_days,omitempty" jsonschema:"default=false"`
	CatchUp     string        `yaml:"catch_up,omitempty" jsonschema:"default=once,enum=once,enum=all,enum=skip"`
}

// Signer is a certificate by which this bank's replies may be signed, pinned as a file, with the time in which it
// is accepted: From inclusive, Until exclusive, zero for open.
type Signer struct {
	CertificateFile string    `yaml:"certificate_file" jsonschema:"required" resolve:"path"`
	From            time.Time `yaml:"from,omitempty"`
	Until           time.Time `yaml:"until,omitempty" whole:"day"`
}

// Trust says how a signer's certificate is proven beyond its pin: by a chain to Roots and by lists of revoked
// certificates. Without Roots the pin alone is relied on. Revocation is "required" (a reply whose signer's status cannot
// be told is held) or "optional". Card says whether the certificate must name this bank's ИНН and ОГРН: "named" (where
// it names any), "required" or "ignore".
type Trust struct {
	Roots         []string `yaml:"roots,omitempty" jsonschema:"maxItems=32" resolve:"path"`
	Intermediates []string `yaml:"intermediates,omitempty" jsonschema:"maxItems=32" resolve:"path"`
	CRLs          []string `yaml:"crls,omitempty" jsonschema:"maxItems=32" resolve:"path"`
	Revocation    string   `yaml:"revocation,omitempty" jsonschema:"default=required,enum=required,enum=optional"`
	Card          string   `yaml:"card,omitempty" jsonschema:"default=named,enum=named,enum=required,enum=ignore"`
}

// Signature says what is allowed in the form of this bank's signatures beyond strict CAdES-BES in DER (RFC 5126).
// SigningCertificate and KeyPeriod are "required" or "optional".
type Signature struct {
	BER                bool   `yaml:"ber,omitempty" jsonschema:"default=false"`
	PSS                bool   `yaml:"pss,omitempty" jsonschema:"default=false"`
	Attached           bool   `yaml:"attached,omitempty" jsonschema:"default=false"`
	Count              int    `yaml:"count,omitempty" jsonschema:"default=1,minimum=1,maximum=8"`
	SigningCertificate string `yaml:"signing_certificate,omitempty" jsonschema:"default=required,enum=required,enum=optional"`
	KeyPeriod          string `yaml:"key_period,omitempty" jsonschema:"default=required,enum=required,enum=optional"`

	Purposes []string      `yaml:"purposes,omitempty" jsonschema:"maxItems=32"`
	DEROnly  bool          `yaml:"der_only,omitempty" jsonschema:"default=false"`
	LooseBag bool          `yaml:"loose_bag,omitempty" jsonschema:"default=false"`
	Skew     time.Duration `yaml:"skew,omitempty" jsonschema:"default=5m,minimum=1s,maximum=1h"`
}

// Format says how this bank's documents look. Manifest is "optional" or "required".
type Format struct {
	Namespace   string `yaml:"namespace,omitempty" jsonschema:"maxLength=250"`
	Manifest    string `yaml:"manifest" jsonschema:"default=optional,enum=optional,enum=required"`
	Windows1251 bool   `yaml:"windows_1251,omitempty" jsonschema:"default=false"`
}

// Delivery says how a file gets its final name in the bank's folder and what is done when the outcome of that step
// stayed unknown. Mode is "auto", "posix-rename", "rename", "marker", "direct" or "blind"; UnknownOutcome "hold" or
// "reissue".
// An empty TempFolder means that the temporary name lies in the folder to_bank itself.
type Delivery struct {
	Mode           string `yaml:"mode,omitempty" jsonschema:"default=auto,enum=auto,enum=posix-rename,enum=rename,enum=marker,enum=direct,enum=blind"`
	UnknownOutcome string `yaml:"unknown_outcome,omitempty" jsonschema:"default=hold,enum=hold,enum=reissue"`
	TempFolder     string `yaml:"temp_folder,omitempty" jsonschema:"pattern=^/"`
}

// Pickup says how replies are taken. Mode is "claim" (renamed to a name of ours before they are read) or "leave".
// DoneMarker is the suffix of a second file that the bank writes when the first is finished; empty for none.
type Pickup struct {
	Mode       string        `yaml:"mode,omitempty" jsonschema:"default=claim,enum=claim,enum=leave"`
	StableFor  time.Duration `yaml:"stable_for,omitempty" jsonschema:"default=0s,minimum=0s,maximum=1h"`
	DoneMarker string        `yaml:"done_marker,omitempty" jsonschema:"maxLength=16"`
}

// Deadlines are the terms watched for this bank. SendDays is within how many working days a document of the office must
// be on its way; Receipt runs by the clock from delivery; ReportDays and AnswerDays are working days (229-ФЗ ст. 15,
// ст. 69, ст. 70); Warn is how long before a term the operator is told.
type Deadlines struct {
	SendDays   int           `yaml:"send_days,omitempty" jsonschema:"default=1,minimum=1,maximum=30"`
	Receipt    time.Duration `yaml:"receipt,omitempty" jsonschema:"default=24h,minimum=1m,maximum=720h"`
	ReportDays int           `yaml:"report_days,omitempty" jsonschema:"default=3,minimum=1,maximum=30"`
	AnswerDays int           `yaml:"answer_days,omitempty" jsonschema:"default=7,minimum=1,maximum=30"`
	Warn       time.Duration `yaml:"warn,omitempty" jsonschema:"default=24h,minimum=0s,maximum=720h"`
}

// Limits bound one visit, so that a bank that misbehaves costs only its own time.
type Limits struct {
	Files     int           `yaml:"files,omitempty" jsonschema:"default=10000,minimum=1,maximum=1000000"`
	FileSize  Size          `yaml:"file_size,omitempty" jsonschema:"default=16MiB,minimum=64KiB,maximum=64MiB"`
	Entries   int           `yaml:"entries,omitempty" jsonschema:"default=100,minimum=4,maximum=100"`
	Parallel  int           `yaml:"parallel,omitempty" jsonschema:"default=96,minimum=1,maximum=1024"`
	VisitTime time.Duration `yaml:"visit_time,omitempty" jsonschema:"default=10m,minimum=1m,maximum=1h"`
}

package banks

import "bankconnector/banks/strict"

// Problem is one fault of a configuration file: where it stands and what to do about it.
type Problem = strict.Problem

// Problems are all faults found, in the order of files and lines. It is an error.
type Problems = strict.Problems

// Size is a number of octets; in a file it carries a binary unit, as in 16MiB.
type Size = strict.Size

// Decode reads a strict YAML file into a struct; file is its name for messages and the folder that relative paths
// start from. The error is [Problems]: every fault at once, with line and column.
//
// The struct says what is allowed, by tags:
//
//	yaml:"name"        the key
//	jsonschema:"…"     required, default=, enum=, minimum=, maximum=, minLength=, maxLength=, pattern=, minItems=,
//	                   maxItems=; bounds of durations and sizes carry their unit (maximum=1h)
//	resolve:"path"     a path: made absolute from the file's folder; credential:NAME is the systemd credential
//	whole:"day"        a time given as a bare date means the end of that day, not its beginning
//
// Fields are strings, bool, int, [time.Duration] (30s), [time.Time] (RFC 3339 with a zone, or a date, which begins at
// 00:00 Moscow time), structs, slices, maps by string, pointers, and whatever has UnmarshalText. A struct with a method
// Check() Problems is asked after it was read; paths in its answer are relative to it.
//
// Refused: unknown and doubled keys, anchors, aliases, merge keys, tags, a second document, empty values, numbers with
// leading zeros or in any base but ten, booleans but true and false, durations without unit, invisible characters,
// more than 1 MiB or 16 levels. A byte order mark and Windows line ends are accepted.
func Decode(file string, data []byte, into any) error {
	return strict.Read(file, data, into).Problems().Err()
}

// ReadFile reads one configuration file. It refuses whatever would let somebody else than root or the service's own
// user decide where orders go: a symbolic link, a file that its group or others can write, a foreign owner; and
// whatever is not a plain file of at most 1 MiB. The error is [Problems].
func ReadFile(path string) ([]byte, error) { return strict.ReadFile(path) }

package banks

import (
	_ "embed"
	"strings"
)

//go:embed example.yaml
var example string

// Example returns the commented example of a bank file: every key with its default and meaning. The key and
// certificate files that it names do not exist.
func Example() string { return example }

// noteColumn is where the remarks of the example stand at the earliest; a comment left of it is no remark on a key.
const noteColumn = 20

// notes reads the remarks of the example by key, such as "sftp.host_keys.until". They are the descriptions in the
// schema as well, so that the two cannot differ.
func notes(text string) map[string]string {
	notes := map[string]string{}
	levels := map[int]string{} // indent -> path of the key that stands there
	last := ""
	for line := range strings.SplitSeq(text, "\n") {
		name, indent, note := remark(line)
		switch {
		case name != "":
			last = name
			for i := indent - 1; i >= 0; i-- {
				if above, ok := levels[i]; ok {
					last = above + "." + name
					break
				}
			}
			for i := range levels {
				if i >= indent {
					delete(levels, i)
				}
			}
			levels[indent] = last
			notes[last] = note
		case note != "" && last != "":
			notes[last] += " " + note
		}
	}
	return notes
}

// remark takes a line apart: the key, how deep it stands, and the remark behind it. A key that is commented out counts
// as a key; a line with a remark alone continues the one before.
func remark(line string) (name string, indent int, note string) {
	rest := strings.TrimLeft(line, " ")
	indent = len(line) - len(rest)
	if strings.HasPrefix(rest, "# ") {
		if indent >= noteColumn {
			return "", indent, rest[2:]
		}
		rest = rest[2:]
		if indent == 0 {
			return "", 0, "" // the head of the file
		}
	}
	if item, ok := strings.CutPrefix(rest, "- "); ok {
		rest, indent = item, indent+2
	}
	name, _, ok := strings.Cut(rest, ":")
	if !ok || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_0123456789") != "" {
		return "", indent, ""
	}
	_, note, _ = strings.Cut(rest, " # ")
	return name, indent, strings.TrimSpace(note)
}

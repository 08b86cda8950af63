// Package note is the signed heads of a journal: their text, their key, and the files
// that hold them, one after the other.
//
// A checkpoint is a C2SP signed note in the form of a transparency log's checkpoint:
//
//	bankconnector/journal/v1/HOST      origin, and the name of the key
//	1234                               number of the last event
//	base64                             its hash, 32 octets
//
//	— bankconnector/journal/v1/HOST base64
//
// The last line holds four octets that name the key and an Ed25519 signature over all
// lines before the empty one, line ends included.
//
// Where only one line can stand, in the system's log or in the manifest of an envelope, the
// same note is "ORIGIN NUMBER HASH SIGNATURE", which reads back as the note (see Line).
//
// The package reads and writes texts and does not know the journal. It may call durable.
package note

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Origin begins the first line of every checkpoint; the installation's name follows.
const Origin = "bankconnector/journal/v1/"

// longestHost keeps a checkpoint in one line within 200 characters, which is what the
// manifest of an envelope holds.
const longestHost = 26

// Named is the origin of an installation: Origin and its name, made fit for a note.
func Named(instance string) string {
	name := strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || strings.ContainsRune(`+/"<>&`, r) {
			return '-'
		}
		return r
	}, instance)
	return Origin + name[:min(len(name), longestHost)]
}

const (
	mark      = "— "
	algorithm = 0x01 // Ed25519, in the identifier of a C2SP key
	idSize    = 4
)

// Checkpoint says that the journal's chain had a hash after an event.
type Checkpoint struct {
	Origin string
	Seq    int64  // number of the last event
	Hash   string // of that event, 64 hex digits
}

// Signed is a checkpoint as it was read; only Verify of a key makes it trusted.
type Signed struct {
	Checkpoint
	Raw string // the whole note

	signatures []string // lines after the mark
}

// text is what is signed.
func (c Checkpoint) text() (string, error) {
	sum, err := hex.DecodeString(c.Hash)
	if err != nil || len(sum) != sha256.Size || c.Seq < 1 || !named(c.Origin) {
		return "", fmt.Errorf("checkpoint of %q at %d with hash %q cannot be written", c.Origin, c.Seq, c.Hash)
	}
	return c.Origin + "\n" + strconv.FormatInt(c.Seq, 10) + "\n" + base64.StdEncoding.EncodeToString(sum) + "\n", nil
}

// named tells an origin that can also name a key: no spaces, no plus.
func named(origin string) bool {
	return len(origin) > len(Origin) && strings.HasPrefix(origin, Origin) && !strings.ContainsAny(origin, " \t\r\n+") && len(origin) < 300
}

// id names a key in a signature line.
func id(name string, key ed25519.PublicKey) []byte {
	sum := sha256.Sum256(append([]byte(name+"\n"), append([]byte{algorithm}, key...)...))
	return sum[:idSize]
}

// Sign writes a checkpoint as a signed note.
func (k *Key) Sign(c Checkpoint) (string, error) {
	text, err := c.text()
	if err != nil {
		return "", err
	}
	sig := append(id(c.Origin, k.Public()), ed25519.Sign(k.private, []byte(text))...)
	return text + "\n" + mark + c.Origin + " " + base64.StdEncoding.EncodeToString(sig) + "\n", nil
}

// Parts are the octets that are signed and the 64 octets of the key's signature, apart,
// for tools that check them. The error says that the key did not sign the note.
func (s Signed) Parts(key ed25519.PublicKey) (text, sig []byte, err error) {
	t, err := s.text()
	if err != nil {
		return nil, nil, err
	}
	for _, line := range s.signatures {
		name, value, _ := strings.Cut(line, " ")
		raw, err := base64.StdEncoding.DecodeString(value)
		if name != s.Origin || err != nil || len(raw) != idSize+ed25519.SignatureSize || !bytes.Equal(raw[:idSize], id(name, key)) {
			continue
		}
		if !ed25519.Verify(key, []byte(t), raw[idSize:]) {
			return nil, nil, fmt.Errorf("checkpoint at %d: the signature does not hold", s.Seq)
		}
		return []byte(t), raw[idSize:], nil
	}
	return nil, nil, fmt.Errorf("checkpoint at %d: no signature by the key %x", s.Seq, id(s.Origin, key))
}

// Verify checks that one of the keys signed the note.
func (s Signed) Verify(keys []ed25519.PublicKey) error {
	err := errors.New("no key to check checkpoints with")
	for _, k := range keys {
		if _, _, err = s.Parts(k); err == nil {
			return nil
		}
	}
	return err
}

// Line is the note in one line, "" for one with several signatures or none.
func (s Signed) Line() string {
	if len(s.signatures) != 1 {
		return ""
	}
	_, sig, _ := strings.Cut(s.signatures[0], " ")
	sum, err := hex.DecodeString(s.Hash)
	if err != nil {
		return ""
	}
	return s.Origin + " " + strconv.FormatInt(s.Seq, 10) + " " + base64.StdEncoding.EncodeToString(sum) + " " + sig
}

// inline finds a note in a line of something else: a log, a bank's ledger.
func inline(line string) (Signed, bool) {
	at := strings.Index(line, Origin)
	if at < 0 {
		return Signed{}, false
	}
	part := strings.FieldsFunc(line[at:], func(r rune) bool { return r == ' ' || r == '"' || r == '<' })
	if len(part) < 4 {
		return Signed{}, false
	}
	s, err := parse([]string{part[0], part[1], part[2], "", mark + part[0] + " " + part[3]})
	return s, err == nil
}

// Read reads one note that Sign wrote.
func Read(raw string) (Signed, error) {
	return parse(strings.Split(strings.TrimSuffix(raw, "\n"), "\n"))
}

// parse reads the lines of one note.
func parse(lines []string) (Signed, error) {
	bad := errors.New("not a checkpoint")
	if len(lines) < 5 || !named(lines[0]) || lines[3] != "" {
		return Signed{}, bad
	}
	seq, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || seq < 1 || strconv.FormatInt(seq, 10) != lines[1] {
		return Signed{}, bad
	}
	sum, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(sum) != sha256.Size {
		return Signed{}, bad
	}
	s := Signed{Checkpoint: Checkpoint{Origin: lines[0], Seq: seq, Hash: hex.EncodeToString(sum)}, Raw: strings.Join(lines, "\n") + "\n"}
	for _, line := range lines[4:] {
		sig, ok := strings.CutPrefix(line, mark)
		if !ok {
			return Signed{}, bad
		}
		s.signatures = append(s.signatures, sig)
	}
	return s, nil
}

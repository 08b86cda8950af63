package note

import (
	"crypto/ed25519"
	"crypto/rand"
	"slices"
	"strings"
	"testing"
)

// FuzzEach: a file of checkpoints, whatever was written over it, gives only notes that stand
// in it as they are, and none of them is signed but by the key that signed it.
func FuzzEach(f *testing.F) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	key, err := newKey(private)
	if err != nil {
		f.Fatal(err)
	}
	var notes []string
	for seq := int64(1); seq <= 3; seq++ {
		raw, err := key.Sign(Checkpoint{Origin: Origin + "test", Seq: seq, Hash: strings.Repeat("0a", 32)})
		if err != nil {
			f.Fatal(err)
		}
		notes = append(notes, raw)
	}
	for _, seed := range []string{
		"", "\n\n", notes[0], strings.Join(notes, ""), strings.Join(notes, "\n"), notes[0][:40] + notes[1], notes[2] + notes[0][:90],
		strings.Replace(notes[0], "\n1\n", "\n01\n", 1), strings.Replace(notes[0], "\n1\n", "\n2\n", 1),
		notes[0] + strings.Repeat(mark+Origin+"test AAAA\n", 20), strings.Repeat("x", longest+1), strings.ReplaceAll(notes[1], "\n", "\r\n"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Each(strings.NewReader(text), func(s Signed) error {
			if _, bad := s.text(); bad != nil {
				t.Errorf("a note that could not be written was read: %v", bad)
			}
			whole := strings.ReplaceAll(text, "\r\n", "\n") + "\n"
			for _, line := range strings.Split(strings.TrimSuffix(s.Raw, "\n"), "\n") {
				if !strings.Contains(whole, line+"\n") {
					t.Errorf("%q does not stand in the file", line)
				}
			}
			text, _, bad := s.Parts(public)
			if bad == nil && !begins(notes, string(text)) {
				t.Errorf("%q is taken for signed", text)
			}
			return nil
		})
		if err != nil && !strings.Contains(err.Error(), "read checkpoints") {
			t.Error(err)
		}
	})
}

// begins tells whether one of the notes has this text.
func begins(notes []string, text string) bool {
	return slices.ContainsFunc(notes, func(raw string) bool { return strings.HasPrefix(raw, text+"\n") })
}

// FuzzReadPublic: what is read as a key is written as the same key.
func FuzzReadPublic(f *testing.F) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	good, err := MarshalPublic(public)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-9])
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nMAAA\n-----END PUBLIC KEY-----\n"))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := ReadPublic(data)
		if err != nil {
			return
		}
		text, err := MarshalPublic(key)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ReadPublic(text)
		if err != nil || !again.Equal(key) {
			t.Errorf("%x is written and read as %x, %v", key, again, err)
		}
	})
}

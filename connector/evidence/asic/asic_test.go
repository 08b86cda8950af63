package asic

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestNamesThatAreRefused(t *testing.T) {
	c, err := NewWriter(new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "mimetype", "META-INF/manifest.xml", "meta-inf/x", "/etc/passwd", "../x", "a//b", "a/../b"} {
		if err := c.Add(name, nil); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
	if err := c.Close(func([]byte) ([]byte, error) { return nil, nil }); err == nil {
		t.Error("an empty container was closed")
	}
}

func TestNoSignatureNoContainer(t *testing.T) {
	c, err := NewWriter(new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Add("a.txt", []byte("a")); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(func([]byte) ([]byte, error) { return nil, errors.New("token gone") }); err == nil || !strings.Contains(err.Error(), "token gone") {
		t.Errorf("error is %v", err)
	}
}

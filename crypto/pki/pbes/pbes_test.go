package pbes

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// scryptParams builds scrypt-params of any kind.
func scryptParams(t *testing.T, numbers ...int64) algorithm {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1OctetString([]byte("salt"))
		for _, n := range numbers {
			b.AddASN1Int64(n)
		}
	})
	out, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return algorithm{oidScrypt, out}
}

// TestScryptIsBounded: a key file cannot make the service spend more memory and time than a key is worth.
func TestScryptIsBounded(t *testing.T) {
	for name, numbers := range map[string][]int64{
		"memory":              {1 << 20, 32, 1},
		"cost":                {1 << 40, 8, 1},
		"negative cost":       {-2, 8, 1},
		"cost no power of 2":  {1000, 8, 1},
		"cost one":            {1, 8, 1},
		"block":               {16384, 1 << 20, 1},
		"no block":            {16384, 0, 1},
		"parallelism":         {16384, 8, 1 << 20},
		"no parallelism":      {16384, 8, 0},
		"length of another":   {16384, 8, 1, 16},
		"something behind":    {16384, 8, 1, 32, 1},
		"nothing":             {},
		"parallelism missing": {16384, 8},
	} {
		began := time.Now()
		if key, err := derive(scryptParams(t, numbers...), []byte("word"), 32); err == nil {
			t.Errorf("%s: a key of %d octets", name, len(key))
		} else if strings.Contains(err.Error(), "word") {
			t.Errorf("%s: the error holds the password: %v", name, err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
	if key, err := derive(scryptParams(t, 16384, 8, 1, 32), []byte("word"), 32); err != nil || len(key) != 32 {
		t.Errorf("%d octets, %v", len(key), err)
	}
}

// TestLock opens again what it locked, and nothing with another password.
func TestLock(t *testing.T) {
	body := []byte("thirty-two octets and some more!")
	raw, err := Lock(body, []byte("word"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	inside := func() cryptobyte.String {
		s := cryptobyte.String(raw)
		var seq cryptobyte.String
		if !s.ReadASN1(&seq, der.SEQUENCE) {
			t.Fatal("no SEQUENCE")
		}
		return seq
	}
	if plain, err := Unlock(inside(), []byte("word")); err != nil || !bytes.Equal(plain, body) {
		t.Errorf("%q, %v", plain, err)
	}
	if plain, err := Unlock(inside(), []byte("Word")); err == nil && bytes.Equal(plain, body) {
		t.Error("opened with another password")
	}
}

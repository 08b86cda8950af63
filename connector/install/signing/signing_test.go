package signing

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bankconnector/banks"
	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

// now is the real time, because openssl writes it into what it signs.
func now() time.Time { return time.Now() }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pair writes a key and its certificate, which holds for days from now.
func pair(t *testing.T, dir, name string, from, until time.Duration) Next {
	t.Helper()
	key, err := pki.GenerateKey(pki.ECDSAP256, rand.Reader)
	must(t, err)
	template := pki.Template{Subject: pki.Subject{CommonName: name}, NotBefore: now().Add(from), NotAfter: now().Add(until)}
	cert, err := pki.IssueCertificate(template, key.Public(), nil, key, rand.Reader)
	must(t, err)
	text, err := pki.MarshalPrivateKey(key)
	must(t, err)
	locked, err := pki.LockPrivateKey(key, []byte("secret word"), rand.Reader)
	must(t, err)
	n := Next{CertificateFile: write(t, dir, name+".pem", pki.MarshalCertificate(cert)), KeyFile: write(t, dir, name+".key", text)}
	write(t, dir, name+".locked", locked)
	return n
}

func write(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	must(t, os.WriteFile(path, data, 0o600))
	return path
}

const day = 24 * time.Hour

func config(n Next) *Config {
	return &Config{
		CertificateFile: n.CertificateFile, KeyFile: n.KeyFile, PasswordFile: n.PasswordFile, PKCS11: n.PKCS11, Command: n.Command, StopBefore: day,
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	good, other := pair(t, dir, "good", -day, 100*day), pair(t, dir, "other", -day, 100*day)
	password, wrong := write(t, dir, "password", []byte("secret word\n")), write(t, dir, "wrong", []byte("another word\n"))
	open := write(t, dir, "open.key", []byte("x"))
	must(t, os.Chmod(open, 0o640))
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"PlainKey", func(*Config) {}, ""},
		{"LockedKey", func(c *Config) { c.KeyFile, c.PasswordFile = filepath.Join(dir, "good.locked"), password }, ""},
		{"WrongPassword", func(c *Config) { c.KeyFile, c.PasswordFile = filepath.Join(dir, "good.locked"), wrong }, "good.locked"},
		{"NoPassword", func(c *Config) { c.KeyFile = filepath.Join(dir, "good.locked") }, "good.locked"},
		{"AnotherKey", func(c *Config) { c.KeyFile = other.KeyFile }, "does not belong"},
		{"LooseKey", func(c *Config) { c.KeyFile = open }, "chmod 600 " + open},
		{"LoosePassword", func(c *Config) { c.KeyFile, c.PasswordFile = filepath.Join(dir, "good.locked"), open }, "chmod 600 " + open},
		{"NoCertificate", func(c *Config) { c.CertificateFile = open + "x" }, open + "x"},
		{"NoModule", func(c *Config) {
			c.KeyFile, c.PKCS11 = "", &Token{Module: open, Label: "x", PINFile: password}
		}, "PKCS#11 module " + open},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := config(good)
			tt.change(c)
			s, err := Open(t.Context(), c, now())
			switch {
			case tt.want == "" && err != nil:
				t.Fatal(err)
			case tt.want != "":
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "signing: ") || strings.Contains(err.Error(), " word") {
					t.Errorf("got %v, want %s", err, tt.want)
				}
				return
			}
			if _, err := s.Sign(t.Context(), []byte("x"), now()); err != nil {
				t.Error(err)
			}
			must(t, s.Close())
		})
	}
}

// TestCredential reads a key that systemd guards: the group's right in the mode is an access list's.
func TestCredential(t *testing.T) {
	dir := t.TempDir()
	n := pair(t, dir, "good", -day, 100*day)
	must(t, os.Chmod(n.KeyFile, 0o440))
	if _, err := Open(t.Context(), config(n), now()); err == nil {
		t.Error("a key that a group can read was taken")
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if _, err := Open(t.Context(), config(n), now()); err != nil {
		t.Error(err)
	}
	must(t, os.Chmod(n.KeyFile, 0o444))
	if _, err := Open(t.Context(), config(n), now()); err == nil {
		t.Error("a key that everybody can read was taken")
	}
}

func TestStopBefore(t *testing.T) {
	n := pair(t, t.TempDir(), "ends", -day, 20*time.Hour)
	for before, want := range map[time.Duration]bool{day: false, time.Hour: true, 0: true} {
		c := config(n)
		c.StopBefore = before
		s, err := Open(t.Context(), c, now())
		must(t, err)
		if _, err := s.Sign(t.Context(), []byte("x"), now()); (err == nil) != want {
			t.Errorf("stop_before %s: %v", before, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	dir := t.TempDir()
	long, short := pair(t, dir, "long", -day, 300*day), pair(t, dir, "short", -day, 10*day)
	next, late, gone := pair(t, dir, "next", 5*day, 370*day), pair(t, dir, "late", 12*day, 370*day), pair(t, dir, "gone", -9*day, -day)
	mixed := Next{CertificateFile: next.CertificateFile, KeyFile: late.KeyFile}
	for _, tt := range []struct {
		name string
		own  Next
		next *Next
		want []string
	}{
		{"Long", long, nil, nil},
		{"Short", short, nil, []string{"order the next certificate"}},
		{"Ended", gone, nil, []string{"nothing is signed"}},
		{"Announced", short, &next, nil},
		{"AnnouncedTooLate", short, &late, []string{"nothing can be signed between"}},
		{"AnnouncedAndOver", short, &gone, []string{"not later than", "cannot sign"}},
		{"AnnouncedWithAnotherKey", short, &mixed, []string{"cannot sign: make signer"}},
		{"AnnouncedEndsEarlier", long, &short, []string{"not later than"}},
		{"AnnouncedForADay", short, from(next, 6*day), nil},
		{"AnnouncedForADayTooLate", short, from(next, 11*day), []string{"nothing can be signed between"}},
		{"AnnouncedBeforeItHolds", short, from(next, 2*day), []string{"holds only from"}},
		{"InForce", gone, &long, []string{"signing.next is in force"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := config(tt.own)
			c.Next = tt.next
			got := c.Warnings(t.Context(), now())
			if len(got) != len(tt.want) {
				t.Fatalf("warned %q, want %q", got, tt.want)
			}
			for i, want := range tt.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("warned %q, want %q", got[i], want)
				}
			}
		})
	}
}

// from is a certificate announced for a moment from now.
func from(n Next, d time.Duration) *Next {
	n.From = now().Add(d)
	return &n
}

// tool writes a program around openssl, as an administrator would.
func tool(t *testing.T, dir, name, body string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	must(t, os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700))
	return path
}

func TestCommand(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatal("openssl is missing; run: sudo apt-get install -y openssl")
	}
	dir := t.TempDir()
	n := pair(t, dir, "good", -day, 100*day)
	pin := write(t, dir, "pin", []byte("4711\n"))
	openssl := `openssl cms -sign -binary -md sha256 -inkey ` + n.KeyFile + ` -signer "$2" -in "$1" `
	sign := tool(t, dir, "sign", openssl+`-cades -outform DER -out "$3"`)
	run := func(program string, args ...string) *Command {
		return &Command{Argv: append([]string{program}, args...), Timeout: 20 * time.Second, SigningCertificate: "required"}
	}
	for _, tt := range []struct {
		name    string
		command *Command
		want    string
	}{
		{"DER", run(sign, "{in}", "{cert}", "{out}"), ""},
		{"PEM", run(tool(t, dir, "pem", openssl+`-cades -outform PEM -out "$3"`), "{in}", "{cert}", "{out}"), ""},
		{"Printed", run(tool(t, dir, "print", openssl+`-cades -outform DER`), "{in}", "{cert}"), ""},
		{"NoBinding", run(tool(t, dir, "bare", openssl+`-outform DER -out "$3"`), "{in}", "{cert}", "{out}"), "signing-certificate"},
		{"NoShell", run(sign, "{in}", "{cert}", "{out}; touch "+dir+"/shell"), "document.sig; touch "},
		{"PINOnInput", &Command{Argv: []string{tool(t, dir, "asks", `read p; test "$p" = 4711 || exit 3; `+openssl+`-cades -outform DER -out "$3"`), "{in}", "{cert}", "{out}"}, PINFile: pin, Timeout: time.Minute}, ""},
		{"PINInFile", &Command{Argv: []string{tool(t, dir, "reads", `test "$(cat "$4")" = 4711 || exit 3; `+openssl+`-cades -outform DER -out "$3"`), "{in}", "{cert}", "{out}", "{pin_file}"}, PINFile: pin, Timeout: time.Minute}, ""},
		{"PINNeverTold", &Command{Argv: []string{tool(t, dir, "tells", `read p; echo "bad pin $p" >&2; exit 5`), "{in}"}, PINFile: pin, Timeout: time.Minute}, "exit status 5: bad pin ****"},
		{"Fails", run(tool(t, dir, "fails", `echo "[ErrorCode: 0x8010006e]"; exit 1`), "{in}"), "0x8010006e"},
		{"SignsSomethingElse", run(tool(t, dir, "else", `echo other > other; `+strings.Replace(openssl, `"$1"`, "other", 1)+`-cades -outform DER -out "$3"`), "{in}", "{cert}", "{out}"), "is not good"},
		{"WritesNothing", run("/bin/true", "{in}", "{out}"), "wrote no {out}"},
		{"WritesALink", run(tool(t, dir, "link", `ln -s /etc/passwd "$2"`), "{in}", "{out}"), "no signature file"},
		{"PrintsForEver", run("/usr/bin/head", "-c", "3000000", "/dev/zero", "{in}"), "more than"},
		{"NotThere", run("/nonexistent/cryptcp", "{in}"), "/nonexistent/cryptcp"},
		{"HangsWithAChild", &Command{Argv: []string{tool(t, dir, "hangs", `sleep 600 & wait`), "{in}"}, Timeout: 300 * time.Millisecond}, "no signature within 300ms"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := config(Next{CertificateFile: n.CertificateFile, Command: tt.command})
			s, err := Open(t.Context(), c, now())
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "4711") {
					t.Errorf("got %v, want %s", err, tt.want)
				}
				return
			}
			must(t, err)
			sig, err := s.Sign(t.Context(), []byte("<Restrictn/>\n"), now())
			must(t, err)
			policy := &cms.Policy{Signers: []cms.Pin{{Certificate: s.Certificate()}}, DEROnly: true}
			if v := policy.Verify([]byte("<Restrictn/>\n"), sig, now()); !v.Valid() {
				t.Errorf("%s: %s", v.Code, v.Detail)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "shell")); err == nil {
		t.Error("a shell read the arguments")
	}
	t.Run("LoosePIN", func(t *testing.T) {
		loose := write(t, dir, "loose", []byte("4711\n"))
		must(t, os.Chmod(loose, 0o640))
		c := run(sign, "{in}", "{cert}", "{out}")
		c.PINFile = loose
		if _, err := Open(t.Context(), config(Next{CertificateFile: n.CertificateFile, Command: c}), now()); err == nil || !strings.Contains(err.Error(), "chmod 600 "+loose) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("PINInArguments", func(t *testing.T) {
		c := config(Next{CertificateFile: n.CertificateFile, Command: run(sign, "-pin", "4711", "{in}", "{cert}", "{out}")})
		c.Command.PINFile = pin
		if _, err := Open(t.Context(), c, now()); err == nil || !strings.Contains(err.Error(), "argv holds the PIN") || strings.Contains(err.Error(), "4711") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("WhatOthersSeeOfTheProgram", func(t *testing.T) {
		t.Setenv("CREDENTIALS_DIRECTORY", dir)
		seen := filepath.Join(dir, "seen")
		looks := tool(t, dir, "looks", `cat /proc/$$/cmdline /proc/$$/environ | tr '\0' '\n' > `+seen+`; grep 'Max core' /proc/$$/limits >> `+seen+`; `+openssl+`-cades -outform DER -out "$3"`)
		key, err := os.ReadFile(n.KeyFile)
		must(t, err)
		c := run(looks, "{in}", "{cert}", "{out}", "{pin_file}")
		c.PINFile = pin
		s, err := Open(t.Context(), config(Next{CertificateFile: n.CertificateFile, Command: c}), now())
		must(t, err)
		must(t, s.Close())
		text, err := os.ReadFile(seen)
		must(t, err)
		for _, secret := range append(strings.Fields(string(key))[3:5], "4711", "CREDENTIALS_DIRECTORY") {
			if strings.Contains(string(text), secret) {
				t.Errorf("%q shows in arguments or environment:\n%s", secret, text)
			}
		}
		if !strings.Contains(string(text), "PATH=") || !strings.Contains(string(text), pin) {
			t.Errorf("arguments and environment were not seen:\n%s", text)
		}
	})
	t.Run("BindingOptional", func(t *testing.T) {
		c := config(Next{CertificateFile: n.CertificateFile, Command: run(filepath.Join(dir, "bare"), "{in}", "{cert}", "{out}")})
		c.Command.SigningCertificate = "optional"
		if _, err := Open(t.Context(), c, now()); err != nil {
			t.Error(err)
		}
	})
	t.Run("LeavesNothingBehind", func(t *testing.T) {
		t.Setenv("TMPDIR", t.TempDir())
		sign := run(sign, "{in}", "{cert}", "{out}").signer(n.CertificateFile)
		if _, err := sign(t.Context(), []byte("x")); err != nil {
			t.Fatal(err)
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := sign(over, []byte("x")); !errors.Is(err, context.Canceled) {
			t.Errorf("after the end: %v", err)
		}
		left, err := os.ReadDir(os.TempDir())
		must(t, err)
		if len(left) > 0 {
			t.Errorf("left %v", left)
		}
	})
}

func TestCheckOfTheBlock(t *testing.T) {
	const head = "certificate_file: c.pem\n"
	for _, tt := range []struct{ name, text, want string }{
		{"Key", "key_file: k\n", ""},
		{"Command", "command:\n  argv: [/bin/true, \"{in}\"]\n", ""},
		{"Token", "pkcs11: {module: /m.so, id: \"0aFF\", pin_file: p}\n", ""},
		{"NoWay", "", "names 0 ways to sign"},
		{"TwoWays", "key_file: k\ncommand:\n  argv: [/bin/true, \"{in}\"]\n", "names 2 ways to sign"},
		{"PasswordForNothing", "password_file: p\npkcs11: {module: /m.so, label: a, pin_file: p}\n", "a PIN stands in pin_file"},
		{"TokenWithoutKey", "pkcs11: {module: /m.so, pin_file: p}\n", "names no key"},
		{"TokenWithBadID", "pkcs11: {module: /m.so, id: abc, pin_file: p}\n", "pkcs11.id"},
		{"RelativeProgram", "command:\n  argv: [cryptcp, \"{in}\"]\n", "write the whole path"},
		{"NothingToSign", "command:\n  argv: [/bin/true]\n", "has no {in}"},
		{"NoPINFile", "command:\n  argv: [/bin/true, \"{in}\", \"{pin_file}\"]\n", "no pin_file is named"},
		{"Next", "key_file: k\nnext:\n  certificate_file: n.pem\n  key_file: n.key\n", ""},
		{"NextWithoutKey", "key_file: k\nnext:\n  certificate_file: n.pem\n", "names 0 ways to sign"},
		{"StopBeforeTooLong", "key_file: k\nstop_before: 721h\n", "stop_before"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var c Config
			err := banks.Decode("signing.yaml", []byte(head+tt.text), &c)
			if got := fmt.Sprint(err); tt.want == "" && err != nil || !strings.Contains(got, tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err == nil && c.StopBefore != day {
				t.Errorf("stop_before %s by default", c.StopBefore)
			}
		})
	}
}

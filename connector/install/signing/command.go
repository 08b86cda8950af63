package signing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"bankconnector/banks"
	"bankconnector/crypto/cms"
)

// Command is another program that signs one file and writes a detached CMS: no shell, an argument is an argument.
// {in} is the file to sign, {out} the file to write (without it standard output is taken), {cert} our certificate's
// file, {pin_file} the file of the PIN; the PIN itself goes to standard input.
type Command struct {
	Argv               []string      `yaml:"argv" jsonschema:"required,minItems=1,maxItems=64"`
	PINFile            string        `yaml:"pin_file,omitempty" resolve:"path"`
	Timeout            time.Duration `yaml:"timeout,omitempty" jsonschema:"default=1m,minimum=1s,maximum=10m"`
	SigningCertificate string        `yaml:"signing_certificate,omitempty" jsonschema:"default=required,enum=required,enum=optional"`
}

const (
	maxSignature = 1 << 20
	maxWords     = 2 << 10 // of what a program says about its failure
	maxPrograms  = 4       // at the same time: a CSP works for one after the other anyway
)

// Check refuses a program that would be looked for in the PATH, and one that is not told what to sign.
func (c *Command) Check() banks.Problems {
	var problems banks.Problems
	add := func(path, format string, args ...any) {
		problems = append(problems, banks.Problem{Path: path, Text: fmt.Sprintf(format, args...)})
	}
	if len(c.Argv) > 0 && !filepath.IsAbs(c.Argv[0]) {
		add("argv[0]", "is %q; write the whole path of the program", c.Argv[0])
	}
	if !slices.ContainsFunc(c.Argv, func(a string) bool { return strings.Contains(a, "{in}") }) {
		add("argv", "has no {in}: the program must be told which file to sign")
	}
	for i, a := range c.Argv {
		if strings.Contains(a, "{pin_file}") && c.PINFile == "" {
			add(fmt.Sprintf("argv[%d]", i), "says {pin_file}, but no pin_file is named")
		}
	}
	return problems
}

// signer makes the program one that signs for cms, which verifies what comes back.
func (c *Command) signer(certificate string) cms.WholeSigner {
	places := make(chan struct{}, maxPrograms)
	return func(ctx context.Context, content []byte) ([]byte, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("no signature within %s", c.Timeout))
		defer cancel()
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		sig, err := c.sign(ctx, certificate, content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Argv[0], err)
		}
		return sig, nil
	}
}

func (c *Command) sign(ctx context.Context, certificate string, content []byte) ([]byte, error) {
	// A crash leaves this folder with one document in it; the service's own /tmp goes with the service.
	dir, err := os.MkdirTemp("", "bankconnector-sign-")
	if err != nil {
		return nil, fmt.Errorf("make a private folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	in, out := filepath.Join(dir, "document"), filepath.Join(dir, "document.sig")
	if err := os.WriteFile(in, content, 0o600); err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	var pin banks.Secret
	if c.PINFile != "" {
		if pin, err = banks.ReadSecret(c.PINFile); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(c.Argv, func(a string) bool { return strings.Contains(a, pin.Reveal()) }) {
			return nil, errors.New("argv holds the PIN, which every user of this machine could read there; it goes to standard input, or as {pin_file}")
		}
	}
	put := strings.NewReplacer("{in}", in, "{out}", out, "{cert}", certificate, "{pin_file}", c.PINFile)
	var args []string
	toFile := false
	for _, a := range c.Argv[1:] {
		toFile = toFile || strings.Contains(a, "{out}")
		args = append(args, put.Replace(a))
	}
	printed, err := run(ctx, exec.CommandContext(ctx, c.Argv[0], args...), dir, pin) //nolint:gosec // the program is the configuration's, which root or the service owns
	if err != nil || !toFile {
		return printed, err
	}
	return readOutput(out)
}

// run runs the program in its folder and returns what it printed.
func run(ctx context.Context, p *exec.Cmd, dir string, pin banks.Secret) ([]byte, error) {
	out, words := &capped{left: maxSignature + 1}, &capped{left: maxWords}
	p.Dir, p.Stdout, p.Stderr, p.Env = dir, out, words, environment(os.Environ())
	if pin != (banks.Secret{}) {
		p.Stdin = strings.NewReader(pin.Reveal() + "\n")
	}
	// Its children die with it: a group of their own, killed as a whole.
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.Cancel = func() error { return syscall.Kill(-p.Process.Pid, syscall.SIGKILL) }
	p.WaitDelay = 2 * time.Second
	err := p.Run()
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	if err != nil {
		said := strings.TrimSpace(strings.ToValidUTF8(words.String()+" "+printable(out.Bytes()), "?"))
		if secret := pin.Reveal(); secret != "" {
			said = strings.ReplaceAll(said, secret, "****")
		}
		return nil, fmt.Errorf("%w: %s", err, said)
	}
	if out.Len() > maxSignature {
		return nil, fmt.Errorf("printed more than %d octets", maxSignature)
	}
	return out.Bytes(), nil
}

// printable is the beginning of what a program printed; CryptoPro's tools tell their errors there.
func printable(text []byte) string { return string(text[:min(len(text), maxWords)]) }

// environment is ours without what belongs to this service alone.
func environment(all []string) []string {
	return slices.DeleteFunc(all, func(s string) bool {
		name, _, _ := strings.Cut(s, "=")
		return slices.Contains([]string{"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "CREDENTIALS_DIRECTORY"}, name)
	})
}

// readOutput reads the signature, which must be a plain file of the program's making.
func readOutput(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("ended well, but wrote no {out}")
	}
	if err != nil {
		return nil, fmt.Errorf("read the signature: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxSignature {
		return nil, fmt.Errorf("wrote something of %d octets that is no signature file", info.Size())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the signature: %w", err)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSignature))
}

// capped keeps the first octets written to it and swallows the rest, so that a program that talks on cannot fill memory.
type capped struct {
	bytes.Buffer
	left int
}

func (c *capped) Write(p []byte) (int, error) {
	keep := p[:min(len(p), c.left)]
	c.left -= len(keep)
	c.Buffer.Write(keep)
	return len(p), nil
}

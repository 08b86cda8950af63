package banks

import (
	"cmp"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bankconnector/banks/strict"
)

// Registry is all banks of an installation. It does not change: a reload makes a new one.
type Registry struct {
	byID map[ID]*Bank
	all  []*Bank
}

// Load reads every *.yaml of a folder and checks the banks by themselves and against each other. The error is
// [Problems]: all faults of all files. The checks given are asked about every bank that could be read; paths in
// their answers are relative to the bank. A bank that is suspended must still be described rightly, but its key
// files need not be there.
func Load(dir string, checks ...func(*Bank) Problems) (*Registry, error) {
	names, problems := list(dir)
	l := loader{taken: map[string]*entry{}, problems: problems}
	for _, name := range names {
		l.file(filepath.Join(dir, name), checks)
	}
	if len(names) == 0 && len(problems) == 0 {
		l.problems = Problems{{File: dir, Text: "there is no bank here; describe one in BIC.yaml"}}
	}
	if err := l.problems.Err(); err != nil {
		return nil, err
	}
	slices.SortFunc(l.banks, func(a, b *Bank) int { return cmp.Compare(a.BIC, b.BIC) })
	r := &Registry{byID: make(map[ID]*Bank, len(l.banks)), all: l.banks}
	for _, b := range l.banks {
		r.byID[b.BIC] = b
	}
	return r, nil
}

// Bank returns the bank with this main БИК.
func (r *Registry) Bank(id ID) (*Bank, bool) {
	b, ok := r.byID[id]
	return b, ok
}

// All returns every bank, suspended ones too, ordered by БИК.
func (r *Registry) All() []*Bank { return slices.Clone(r.all) }

// list names the bank files of a folder and tells what looks like one and would be passed over in silence.
func list(dir string) ([]string, Problems) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, Problems{{File: dir, Text: "cannot list the folder of banks: " + strict.Cause(err).Error()}}
	}
	var problems Problems
	if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o002 != 0 && info.Mode()&os.ModeSticky == 0 {
		problems = append(problems, Problem{File: dir, Text: "everybody can put a bank here; run: chmod o-w " + dir})
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		switch extension := filepath.Ext(name); {
		case strings.HasPrefix(name, "."):
		case extension == ".yaml":
			names = append(names, name)
		case extension == ".yml" || strings.EqualFold(extension, ".yaml"):
			problems = append(problems, Problem{File: filepath.Join(dir, name), Text: "only names that end with .yaml are read; rename the file"})
		}
	}
	return names, problems
}

// loader gathers the banks of a folder.
type loader struct {
	banks    []*Bank
	taken    map[string]*entry // what only one bank may have -> who has it
	problems Problems
}

// problemsOf takes the problems out of an error.
func problemsOf(path string, err error) Problems {
	var problems Problems
	if !errors.As(err, &problems) {
		problems = Problems{{File: path, Text: err.Error()}}
	}
	return problems
}

// entry says where something that may stand only once was first seen.
type entry struct {
	bank *Bank
	at   Problem
}

func (l *loader) file(path string, checks []func(*Bank) Problems) {
	data, err := ReadFile(path)
	if err != nil {
		l.problems = append(l.problems, problemsOf(path, err)...)
		return
	}
	b := &Bank{}
	f := strict.Read(path, data, b)
	b.File = path
	for _, check := range append(slices.Clone(checks), files) {
		for _, p := range check(b) {
			if !f.Told(p.Path) {
				f.Tell(p.Path, "%s", p.Text)
			}
		}
	}
	l.once(b, f)
	l.banks = append(l.banks, b)
	l.problems = append(l.problems, f.Problems()...)
}

// once refuses what two banks may not share: it would lead an order or a reply to the wrong one.
func (l *loader) once(b *Bank, f *strict.File) {
	claim := func(path, what, key string) {
		if key == "" || f.Told(path) {
			return
		}
		switch first := l.taken[key]; {
		case first == nil:
			l.taken[key] = &entry{b, f.At(path)}
		case first.bank != b:
			f.Tell(path, "%s is that of another bank already, see %s:%d", what, first.at.File, first.at.Line)
		}
	}
	number := func(path, what, value string) {
		if value != "" {
			claim(path, what+" "+value, what+value)
		}
	}
	number("bic", "BIC", string(b.BIC))
	for i, id := range b.BICs {
		number(fmt.Sprintf("bics[%d]", i), "BIC", string(id))
	}
	number("inn", "INN", b.INN)
	number("ogrn", "OGRN", b.OGRN)
	for i, s := range b.Signers {
		claim(fmt.Sprintf("signers[%d].certificate_file", i), "this certificate", certificate(s.CertificateFile))
	}
	if b.SFTP.Host == "" || b.SFTP.User == "" {
		return
	}
	account := fmt.Sprintf("%s@%s:%d", b.SFTP.User, strings.ToLower(strings.TrimSuffix(b.SFTP.Host, ".")), b.SFTP.Port)
	number("sftp.to_bank", "folder", account+b.SFTP.ToBank)
	number("sftp.from_bank", "folder", account+b.SFTP.FromBank)
}

// certificate tells certificates apart by their content, PEM or DER, so that one under two names is found; by the
// file's name where it cannot be read, which is told elsewhere.
func certificate(file string) string {
	data, err := strict.ReadPlain(file, 1<<20, func(os.FileInfo) error { return nil })
	if err != nil {
		return file
	}
	if block, _ := pem.Decode(data); block != nil {
		data = block.Bytes
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

// files checks that the files a profile names are there and that secrets are private. It does not read them. The
// name of a password file is not repeated: a password written there by mistake must not reach a log.
func files(b *Bank) Problems {
	if b.State == StateSuspended {
		return nil
	}
	var problems Problems
	look := func(path, file, shownAs string, secret bool) {
		if file == "" {
			return
		}
		info, err := os.Stat(file)
		switch {
		case err != nil:
			problems = append(problems, Problem{Path: path, Text: fmt.Sprintf("the file %s: %v", shownAs, strict.Cause(err))})
		case !info.Mode().IsRegular():
			problems = append(problems, Problem{Path: path, Text: fmt.Sprintf("the file %s is not a plain file", shownAs)})
		case secret && info.Mode().Perm()&0o077 != 0 && !credential(file):
			problems = append(problems, Problem{Path: path, Text: fmt.Sprintf(
				"others than its owner can reach the file %s (mode %04o); run: chmod 600 %s", shownAs, info.Mode().Perm(), shownAs)})
		case secret && strict.Foreign(info):
			problems = append(problems, Problem{Path: path, Text: fmt.Sprintf("the file %s belongs to another user than root and this service", shownAs)})
		}
	}
	look("sftp.key_file", b.SFTP.KeyFile, b.SFTP.KeyFile, true)
	look("sftp.password_file", b.SFTP.PasswordFile, "named here", true)
	for i, s := range b.Signers {
		look(fmt.Sprintf("signers[%d].certificate_file", i), s.CertificateFile, s.CertificateFile, false)
	}
	for _, proof := range []struct {
		key  string
		list []string
	}{{"roots", b.Trust.Roots}, {"intermediates", b.Trust.Intermediates}, {"crls", b.Trust.CRLs}} {
		for i, file := range proof.list {
			look(fmt.Sprintf("trust.%s[%d]", proof.key, i), file, file, false)
		}
	}
	return problems
}

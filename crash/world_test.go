package crash_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bankconnector/banks/rehearsal"
	"bankconnector/connector/journal"
	"bankconnector/connector/practice"
	"bankconnector/internal/testkit"
)

// A journey is what one traced visit to both banks has to do.
type journey string

const (
	orderOut  journey = "order-out"  // the office's documents are taken in, sealed and delivered; the journal is made
	receiptIn journey = "receipt-in" // the banks' receipts come in, and release a lifting that waited, which goes out
	replyIn   journey = "reply-in"   // reports and answers come in and are handed over, our receipts go out
)

var journeys = []journey{orderOut, receiptIn, replyIn}

// stage holds a world of each journey as it is before the visit, and the server of both banks.
type stage struct {
	sshd    *testkit.SSHD
	home    string             // holds the worlds; on the disk or in memory
	before  map[journey]string // templates
	keys    map[string]string  // documents of the office: key to BIC
	lengths map[string]int     // calls of a journey, by what counts
	program string
}

// world is one copy: an installation (its state and its office in disk/), and two banks.
type world struct {
	*stage
	dir string
}

// newStage plays the journeys through once without faults and keeps a copy before each.
func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{sshd: testkit.StartSSHD(t, testkit.SSHDOptions{External: true}), home: worldsHome(t), before: map[journey]string{}, lengths: map[string]int{}}
	var err error
	if s.program, err = built(); err != nil {
		t.Fatal(err)
	}
	w := &world{stage: s, dir: filepath.Join(s.home, "first")}
	must(t, w.furnish())
	for _, j := range journeys {
		s.before[j] = filepath.Join(s.home, "before-"+string(j))
		if j == replyIn {
			must(t, w.release())
		}
		must(t, copyTree(w.dir, s.before[j]))
		code, said := w.exchange()
		for range rounds { // a machine with much else to do may not answer in time
			if code == 0 {
				break
			}
			code, said = w.exchange()
		}
		if code != 0 {
			t.Fatalf("%s without faults: exit %d\n%s", j, code, said)
		}
		must(t, w.bankTurn(j == orderOut))
	}
	must(t, errors.Join(w.settle(), w.books()))
	return s
}

// worldsHome is memory where there is some: a kill leaves the page cache alone, so the disk below
// has no part in it. Power cuts have file systems of their own.
func worldsHome(t *testing.T) string {
	t.Helper()
	const memory = "/dev/shm"
	if _, err := os.Stat(memory); err != nil || os.Getenv("TMPDIR") != "" {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(memory, "bankconnector-crash-")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// furnish makes keys, banks and configuration, and leaves four documents at the office: an arrest
// and its lifting for the first bank, a search for accounts and a query for the second.
func (w *world) furnish() error {
	p := w.banks()
	if err := p.Setup(2); err != nil {
		return err
	}
	r, err := p.Start(context.Background(), rehearsal.Config{Seed: 1})
	if err != nil {
		return err
	}
	if err := r.Close(); err != nil {
		return err
	}
	config := filepath.Join(w.dir, "config.yaml")
	err = rewrite(config, func(key, line string) string {
		switch key {
		case "state_dir", "office_dir":
			return key + ": disk/" + strings.TrimSuffix(key, "_dir")
		}
		return line
	})
	for _, bic := range w.bics() {
		err = errors.Join(err, w.pointAtServer(bic))
	}
	if err != nil {
		return err
	}
	if out, err := exec.Command(w.program, "sample", "-c", config, "--documents", "13", "--seed", "229").CombinedOutput(); err != nil {
		return fmt.Errorf("sample: %w\n%s", err, out)
	}
	w.keys = map[string]string{}
	for i, bic := range w.bics() {
		if err := w.keep(bic, [][]int{{1, 12}, {0, 3}}[i]); err != nil {
			return err
		}
	}
	return nil
}

// keep removes all but some of the documents of a bank, counted in the order of their making.
func (w *world) keep(bic string, places []int) error {
	files, err := filepath.Glob(filepath.Join(w.dir, "disk", "office", "in", bic, "*_*"))
	if err != nil {
		return err
	}
	key := func(path string) string {
		_, key, _ := strings.Cut(filepath.Base(path), "_")
		return strings.TrimSuffix(key, filepath.Ext(key))
	}
	slices.SortFunc(files, func(a, b string) int { return strings.Compare(key(a), key(b)) })
	if len(files) != 13 {
		return fmt.Errorf("%d samples for bank %s, want 13", len(files), bic)
	}
	for i, path := range files {
		if slices.Contains(places, i) {
			w.keys[key(path)] = bic
		} else if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// pointAtServer makes a bank's profile lead to the folders that OpenSSH serves.
func (w *world) pointAtServer(bic string) error {
	root := filepath.Join(w.dir, "banks", bic, "root")
	return rewrite(filepath.Join(w.dir, "banks.d", bic+".yaml"), func(key, line string) string {
		switch key {
		case "host":
			return "  host: " + w.sshd.Host
		case "port":
			return fmt.Sprintf("  port: %d\n  to_bank: %s/to-bank\n  from_bank: %s/from-bank", w.sshd.Port, root, root)
		case "user":
			return "  user: " + w.sshd.User
		case "key_file":
			return "  key_file: " + w.sshd.Key.File
		case "- key":
			return "    - key: " + w.sshd.HostKeys[0].Line
		}
		return line
	})
}

// rewrite changes a YAML file line by line; the key comes without its colon.
func rewrite(path string, change func(key, line string) string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := strings.Split(string(data), "\n")
	for i, line := range lines {
		key, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		lines[i] = change(key, line)
	}
	return os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o640)
}

// world copies a template, ready for a visit.
func (s *stage) world(j journey, name string) (*world, error) {
	w, err := s.copied(j, name)
	if err != nil {
		return nil, err
	}
	return w, w.approve()
}

// copied copies a template. Its banks' folders lie elsewhere then, which its journal does not know yet.
func (s *stage) copied(j journey, name string) (*world, error) {
	w := &world{stage: s, dir: filepath.Join(s.home, name)}
	if err := copyTree(s.before[j], w.dir); err != nil {
		return nil, err
	}
	for _, bic := range w.bics() {
		path := filepath.Join(w.dir, "banks.d", bic+".yaml")
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		first := filepath.Join(s.home, "first") + "/"
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(data), first, w.dir+"/")), 0o640); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// approve is a person's word that the banks' folders of a copy lie elsewhere.
func (w *world) approve() error {
	if _, err := os.Stat(w.journalPath()); err != nil {
		return nil // the journal is yet to be made, and knows no folders
	}
	if out, err := exec.Command(w.program, "config", "approve", "-c", w.config(), "--reason", "the world was copied").CombinedOutput(); err != nil {
		return fmt.Errorf("approve the copy: %w: %s", err, out)
	}
	return nil
}

func copyTree(from, to string) error {
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("copy %s: %w: %s", from, err, out)
	}
	return nil
}

func (w *world) remove() {
	for _, tail := range []string{"", ".stderr", ".report", ".order"} {
		_ = os.RemoveAll(w.dir + tail)
	}
}

func (w *world) bics() []string {
	files, _ := filepath.Glob(filepath.Join(w.dir, "banks.d", "*.yaml"))
	for i := range files {
		files[i] = strings.TrimSuffix(filepath.Base(files[i]), ".yaml")
	}
	return files
}

func (w *world) banks() *practice.Stage {
	return &practice.Stage{Dir: w.dir, Now: time.Now, Quirks: []rehearsal.Quirk{"down"}} // only their back offices work here
}

// bankTurn lets both banks take what lies there and answer it. Held back are the answers to
// documents, so that a visit can find the receipts alone.
func (w *world) bankTurn(holdBack bool) error {
	if err := w.release(); err != nil {
		return err
	}
	for _, bic := range w.bics() { // worlds are copies: a kept port may be another world's by now
		_ = os.Remove(filepath.Join(w.dir, "banks", bic, "port"))
	}
	p := w.banks()
	if err := p.Setup(2); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	r, err := p.Open(ctx, rehearsal.Config{Seed: 1, FinalReports: true})
	if err != nil {
		return err
	}
	err = errors.Join(r.Idle(ctx), r.Close())
	if holdBack {
		err = errors.Join(err, w.holdBack())
	}
	return err
}

// holdBack takes reports and answers out of the banks' folders again, as if they came later.
func (w *world) holdBack() error {
	for _, bic := range w.bics() {
		held := filepath.Join(w.dir, "banks", bic, "held")
		if err := os.MkdirAll(held, 0o750); err != nil {
			return err
		}
		for _, path := range w.fromBank(bic) {
			if strings.HasPrefix(filepath.Base(path), banksReceipt) {
				continue
			}
			if err := os.Rename(path, filepath.Join(held, filepath.Base(path))); err != nil {
				return err
			}
		}
	}
	return nil
}

// banksReceipt begins the names of the banks' receipts.
const banksReceipt = "rcp_"

func (w *world) release() error {
	for _, bic := range w.bics() {
		held, err := filepath.Glob(filepath.Join(w.dir, "banks", bic, "held", "*"))
		if err != nil {
			return err
		}
		for _, path := range held {
			if err := os.Rename(path, filepath.Join(w.dir, "banks", bic, "root", "from-bank", filepath.Base(path))); err != nil {
				return err
			}
		}
	}
	return nil
}

// fromBank and toBank list the files in a bank's folders, with those under names of ours.
func (w *world) fromBank(bic string) []string {
	return files(filepath.Join(w.dir, "banks", bic, "root", "from-bank"))
}

func (w *world) toBank(bic string) []string {
	return files(filepath.Join(w.dir, "banks", bic, "root", "to-bank"))
}

func files(dir string) []string {
	var list []string
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			list = append(list, path)
		}
		return nil
	})
	return list
}

func (w *world) config() string { return filepath.Join(w.dir, "config.yaml") }

// visit is the command line of one visit to both banks.
func (w *world) visit() []string {
	return []string{w.program, "exchange", "-c", w.config(), "--lang", "en", "--timeout", "60s"}
}

// exchange visits both banks without faults.
func (w *world) exchange() (code int, said string) {
	args := w.visit()
	c := exec.Command(args[0], args[1:]...)
	out, _ := c.CombinedOutput()
	return c.ProcessState.ExitCode(), string(out)
}

// traced runs the visit under the tracer; at is called when a cut is due, before the kill.
func (w *world) traced(o order, at func() error) (r report, said string, err error) {
	o.Args, o.Scope = w.visit(), w.dir
	o.Stderr, o.Result = w.dir+".stderr", w.dir+".report" // beside the world: they are no part of its disk
	data, err := json.Marshal(o)
	if err != nil {
		return r, "", err
	}
	path := w.dir + ".order"
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return r, "", err
	}
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	c := exec.CommandContext(ctx, os.Args[0])
	c.Env = append(os.Environ(), asTracer+"="+path)
	if err := runTracer(c, at); err != nil {
		return r, "", fmt.Errorf("trace: %w", err)
	}
	text, err := os.ReadFile(o.Stderr)
	if err == nil {
		data, err = os.ReadFile(o.Result)
	}
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	return r, string(text), err
}

func runTracer(c *exec.Cmd, at func() error) error {
	var says strings.Builder
	c.Stderr = &says
	in, err := c.StdinPipe()
	if err != nil {
		return err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	var word string
	if n, _ := fmt.Fscanln(out, &word); n == 1 && at != nil {
		err = at()
	}
	_ = in.Close() // lets it go on
	if ended := c.Wait(); ended != nil {
		return fmt.Errorf("%w %s", ended, says.String())
	}
	return err
}

// rounds is how many whole turns a disturbed world may need until it is quiet. A visit that did not
// reach a bank is no turn: on a machine with much else to do connections run into their time.
const rounds, visits = 8, 40

// settle lets the banks and the program work in turn, without faults, until nothing is open.
func (w *world) settle() error {
	var said string
	whole := 0
	for n := 0; n < visits && whole < rounds; n++ {
		if err := w.bankTurn(false); err != nil {
			return err
		}
		quiet, err := w.quiet()
		if quiet || err != nil {
			return err
		}
		var code int
		if code, said = w.exchange(); code != 69 && !strings.Contains(said, "connect: ") {
			whole++
		}
	}
	return fmt.Errorf("not quiet after %d whole turns; the last visit said: %s", whole, said)
}

// quiet tells that the folders are empty and that the journal waits for nothing.
func (w *world) quiet() (bool, error) {
	for _, bic := range w.bics() {
		if len(w.fromBank(bic))+len(w.toBank(bic)) > 0 {
			return false, nil
		}
	}
	b, err := w.journal()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer b.Close()
	var open, known int
	err = b.DB().QueryRow(`SELECT count(*) FILTER (WHERE open = 1 OR class = 'receipt' AND state <> 'Closed'), count(*) FILTER (WHERE class = 'office') FROM exchange`).Scan(&open, &known)
	return open == 0 && known >= len(w.keys), err
}

func (w *world) journal() (*journal.Book, error) {
	return journal.View(context.Background(), w.journalPath())
}

func (w *world) journalPath() string { return filepath.Join(w.dir, "disk", "state", "journal.db") }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

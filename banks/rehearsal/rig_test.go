package rehearsal

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"bankconnector/banks/rehearsal/letter"
	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
	"bankconnector/formats"
	"bankconnector/formats/envelope"
)

const first, second = "044525225", "044525974"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, child(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func today() time.Time {
	return time.Date(2026, 11, 23, 12, 0, 0, 0, time.FixedZone("MSK", 3*3600))
}

// edKey makes the same SSH key for the same letter.
func edKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func hostKey(tb testing.TB, seed byte) ssh.Signer {
	tb.Helper()
	s, err := ssh.NewSignerFromKey(edKey(seed))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func hostPEM(tb testing.TB, seed byte) []byte {
	tb.Helper()
	block, err := ssh.MarshalPrivateKey(edKey(seed), "")
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(block)
}

func newKey(tb testing.TB, a pki.Algorithm, name string) (*pki.Certificate, pki.PrivateKey) {
	tb.Helper()
	key, err := pki.GenerateKey(a, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := pki.IssueCertificate(pki.Template{
		Subject: pki.Subject{CommonName: name}, NotBefore: today().AddDate(-1, 0, 0), NotAfter: today().AddDate(1, 0, 0),
	}, key.Public(), nil, key, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return c, key
}

func newSigner(tb testing.TB, a pki.Algorithm, name string) *cms.Signer {
	tb.Helper()
	c, key := newKey(tb, a, name)
	s, err := cms.NewSigner(c, key, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func pinned(s *cms.Signer) cms.Policy {
	return cms.Policy{Signers: []cms.Pin{{Certificate: s.Certificate()}}}
}

// world is a connector and its banks.
type world struct {
	t       testing.TB
	config  Config
	bics    []string
	quirks  []Quirk
	service *cms.Signer
	signers map[string]*cms.Signer
	sampler *formats.Sampler
	places  map[string]letter.Place // of our next envelope, by bank and stream
	lenient bool                    // replies may have faults
	*Rehearsal
}

func newWorld(tb testing.TB, bics ...string) *world {
	tb.Helper()
	w := &world{
		t: tb, bics: bics, sampler: formats.NewSampler(1, today()), service: newSigner(tb, pki.ECDSAP256, "ФССП"),
		config:  Config{Dir: tb.TempDir(), Seed: 1, Now: today, delay: 50 * time.Millisecond},
		signers: map[string]*cms.Signer{}, places: map[string]letter.Place{},
	}
	for _, bic := range bics {
		w.signers[bic] = newSigner(tb, pki.ECDSAP256, "Банк "+bic)
	}
	tb.Cleanup(w.stop)
	return w
}

func (w *world) banks() []Bank {
	var list []Bank
	for _, bic := range w.bics {
		list = append(list, Bank{
			Sample: formats.SampleBank{BIC: bic}, HostKey: hostKey(w.t, 'h'), Authorized: []ssh.PublicKey{hostKey(w.t, 'c').PublicKey()},
			User: "fssp", Signer: w.signers[bic], Verify: pinned(w.service), Quirks: w.quirks,
		})
	}
	return list
}

func (w *world) start(quirks ...Quirk) *world {
	w.t.Helper()
	w.quirks = quirks
	r, err := Start(context.WithoutCancel(w.t.Context()), w.config, w.banks())
	if err != nil {
		w.t.Fatal(err)
	}
	w.Rehearsal = r
	return w
}

func (w *world) stop() {
	if w.Rehearsal == nil {
		return
	}
	if err := w.Close(); err != nil {
		w.t.Errorf("close: %v", err)
	}
	w.Rehearsal = nil
}

// settle waits until the banks have answered everything.
func (w *world) settle() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	if err := w.Idle(ctx); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) path(bic string, parts ...string) string {
	return filepath.Join(append([]string{w.config.Dir, "banks", bic}, parts...)...)
}

// visit logs in at a bank.
func (w *world) visit(bic string) *sftp.Client {
	w.t.Helper()
	conn, c, err := login(w.Addr(bic), hostKey(w.t, 'c'), hostKey(w.t, 'h').PublicKey())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _, _ = c.Close(), conn.Close() })
	return c
}

func login(addr string, key ssh.Signer, host ssh.PublicKey) (*ssh.Client, *sftp.Client, error) {
	conn, err := ssh.Dial("tcp", addr, &ssh.ClientConfig{
		User: "fssp", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.FixedHostKey(host),
	})
	if err != nil {
		return nil, nil, err
	}
	c, err := sftp.NewClient(conn)
	return conn, c, err
}

// parcel is an envelope of ours.
type parcel struct {
	name string
	data []byte
	doc  formats.Document
}

// seal makes the next envelope for a bank; change may spoil the manifest.
func (w *world) seal(bic string, s formats.Sample, change ...func(*formats.Manifest)) parcel {
	w.t.Helper()
	kind := s.Document.Kind()
	id := s.Document.Key()
	name := kind.Prefix() + "_" + id
	entries := w.signed(name+".xml", s.XML)
	if s.Original != nil {
		entries = append(entries, w.signed(name+".original.xml", s.Original)...)
	}
	stream := letter.Stream(kind)
	p := w.places[bic+stream]
	m := &formats.Manifest{
		Version: 1, Sender: letter.Service, Recipient: bic, Stream: stream, Seq: p.Seq + 1, Previous: p.Previous, CreatedAt: today().UTC(),
	}
	for _, e := range entries {
		m.Entries = append(m.Entries, formats.ManifestEntry{Name: e.Name, SHA256: letter.Digest(e.Data), Size: int64(len(e.Data))})
	}
	for _, f := range change {
		f(m)
	}
	xml, err := formats.EncodeManifest(m)
	if err != nil {
		w.t.Fatal(err)
	}
	data, err := envelope.Seal(append(entries, w.signed("manifest.xml", xml)...))
	if err != nil {
		w.t.Fatal(err)
	}
	w.places[bic+stream] = letter.Place{Seq: m.Seq, Previous: letter.Digest(data)}
	return parcel{name + ".zip", data, s.Document}
}

func (w *world) signed(name string, data []byte) []envelope.Entry {
	w.t.Helper()
	sig, err := w.service.Sign(w.t.Context(), data, today())
	if err != nil {
		w.t.Fatal(err)
	}
	return []envelope.Entry{{Name: name, Data: data}, {Name: name + ".sig", Data: sig}}
}

// parcels seals the next n samples for a bank.
func (w *world) parcels(bic string, n int) []parcel {
	w.t.Helper()
	var list []parcel
	for _, s := range w.sampler.Next(formats.SampleBank{BIC: bic}, n) {
		list = append(list, w.seal(bic, s))
	}
	return list
}

// deliver uploads an envelope as the connector does.
func deliver(c *sftp.Client, p parcel) error {
	temp := "/to-bank/." + p.name + ".1.part"
	if err := write(c, temp, p.data); err != nil {
		return err
	}
	return c.PosixRename(temp, "/to-bank/"+p.name)
}

func write(c *sftp.Client, name string, data []byte) error {
	f, err := c.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func (w *world) deliver(bic string, list ...parcel) {
	w.t.Helper()
	c := w.visit(bic)
	for _, p := range list {
		if err := deliver(c, p); err != nil {
			w.t.Fatalf("deliver %s: %v", p.name, err)
		}
	}
}

func (w *world) ledger(bic, name string) []Received {
	w.t.Helper()
	lines, err := ReadLedger(w.path(bic, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return lines
}

// reply is an envelope of a bank.
type reply struct {
	name, digest string
	manifest     *formats.Manifest
	doc          formats.Document
	signed       bool
}

func (r reply) receipt() *formats.Receipt { d, _ := r.doc.(*formats.Receipt); return d }

// answers names the key of the document that a reply answers.
func (r reply) answers() string {
	switch d := r.doc.(type) {
	case *formats.Report:
		return d.RestrictnInternalKey
	case *formats.Answer:
		return d.RequestInternalKey
	case *formats.Receipt:
		return d.DocumentKey
	}
	return ""
}

// replies opens what lies in from-bank, by stream and number.
func (w *world) replies(bic string) []reply {
	w.t.Helper()
	files, err := filepath.Glob(w.path(bic, "root", "from-bank", "*.zip"))
	if err != nil {
		w.t.Fatal(err)
	}
	var list []reply
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, w.open(bic, filepath.Base(file), data))
	}
	slices.SortFunc(list, func(a, b reply) int {
		return cmp.Or(strings.Compare(a.manifest.Stream, b.manifest.Stream), cmp.Compare(a.manifest.Seq, b.manifest.Seq))
	})
	return list
}

func (w *world) open(bic, name string, data []byte) reply {
	w.t.Helper()
	entries, err := envelope.Open(data, envelope.DefaultLimits())
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	parts := map[string][]byte{}
	for _, e := range entries {
		parts[e.Name] = e.Data
	}
	xml := strings.TrimSuffix(name, ".zip") + ".xml"
	r := reply{name: name, digest: letter.Digest(data), signed: true}
	policy := pinned(w.signers[bic])
	for _, part := range []string{xml, "manifest.xml"} {
		r.signed = r.signed && parts[part+".sig"] != nil && policy.Verify(parts[part], parts[part+".sig"], w.config.Now()).Valid()
	}
	var faults formats.Faults
	if r.manifest, faults = formats.DecodeManifest(parts["manifest.xml"]); len(faults) > 0 {
		w.t.Fatalf("%s: manifest: %v", name, faults)
	}
	if r.doc, faults = formats.Decode(parts[xml], formats.Rules{Today: w.config.Now()}); len(faults) > 0 && !w.lenient {
		w.t.Fatalf("%s: %v", name, faults)
	}
	return r
}

// check holds the books of a bank: one line for every file, the right replies to each,
// numbered and linked without gaps, all signed.
func (w *world) check(bic string, sent []parcel) {
	w.t.Helper()
	lines := w.ledger(bic, "received.jsonl")
	got := map[string]int{}
	for _, line := range lines {
		got[line.File]++
	}
	for _, p := range sent {
		if got[p.name] != 1 {
			w.t.Errorf("%s has %d lines in the ledger, want 1", p.name, got[p.name])
		}
	}
	if len(lines) != len(sent) {
		w.t.Errorf("%d lines in the ledger, want %d", len(lines), len(sent))
	}
	receipts, documents := map[string]int{}, map[string]int{}
	last := map[string]reply{}
	for _, r := range w.replies(bic) {
		if before := last[r.manifest.Stream]; r.manifest.Seq != before.seq()+1 || r.manifest.Previous != before.digest {
			w.t.Errorf("%s is number %d of %s after number %d", r.name, r.manifest.Seq, r.manifest.Stream, before.seq())
		}
		last[r.manifest.Stream] = r
		if !r.signed || r.manifest.Sender != bic || r.manifest.Recipient != letter.Service {
			w.t.Errorf("%s: signed %v, from %s to %s", r.name, r.signed, r.manifest.Sender, r.manifest.Recipient)
		}
		if r.receipt() != nil {
			receipts[r.receipt().FileDigest]++
		} else {
			documents[r.answers()]++
		}
	}
	for _, p := range sent {
		if n := receipts[letter.Digest(p.data)]; n != 1 {
			w.t.Errorf("%s got %d receipts, want 1", p.name, n)
		}
		if n := documents[p.doc.Key()]; n < 1 || n > 1 && p.doc.Kind() == formats.KindOrder {
			w.t.Errorf("%s got %d replies", p.name, n)
		}
	}
	if boxed, err := os.ReadDir(w.path(bic, "outbox")); err != nil || len(boxed) > 0 {
		w.t.Errorf("outbox holds %v, %v", boxed, err)
	}
}

func (r reply) seq() int64 {
	if r.manifest == nil {
		return 0
	}
	return r.manifest.Seq
}

// logger writes the log of the banks into the test's.
func logger(tb testing.TB) *slog.Logger {
	tb.Helper()
	return slog.New(slog.NewTextHandler(tb.Output(), nil))
}

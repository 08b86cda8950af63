package formats

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"bankconnector/formats/block"
	"bankconnector/formats/check"
	"bankconnector/formats/strictxml"
)

// Manifest lists what is in an envelope and binds it to the envelopes before it (ours, urn:bankconnector:exchange:1).
type Manifest struct {
	Version   int    // 1
	Sender    string // БИК, or "FSSP" for the service
	Recipient string
	Stream    string // "documents" or "receipts"
	Seq       int64  // from 1 without gaps, per bank, direction and stream
	CreatedAt time.Time
	Previous  string // sha256 hex of the previous envelope of the stream, "" for the first
	Head      string // head of the sender's journal, may be ""
	Entries   []ManifestEntry
}

// ManifestEntry is one file of the envelope.
type ManifestEntry struct {
	Name   string
	SHA256 string // hex
	Size   int64  // octets
}

// manifestSpace is the namespace of what this program defines itself.
const manifestSpace = "urn:bankconnector:exchange:1"

// service is how the bailiff service is called in a manifest.
const service = "FSSP"

func (m *Manifest) shape() shape {
	return shape{
		Parts: []part{
			block.Coded("Version", &m.Version, 1, 1),
			block.One("Sender", &m.Sender, party),
			block.One("Recipient", &m.Recipient, party),
			block.One("Stream", &m.Stream, check.OneOf("documents", "receipts")),
			strictxml.One("Seq", strictxml.Number(&m.Seq, strictxml.Range[int64]{Least: 1, Most: 1<<62 - 1})),
			block.Moment("CreatedAt", &m.CreatedAt),
			block.Maybe("Previous", &m.Previous, check.Hex(64)),
			block.Maybe("Head", &m.Head, check.Key(200)),
			strictxml.Blocks("Entry", &m.Entries, manifestEntry).Required(),
		},
		Check: m.check,
	}
}

func (m *Manifest) check(c *cursor) {
	if !c.Faulty("Sender") && !c.Faulty("Recipient") && (m.Sender == service) == (m.Recipient == service) {
		c.Add(StateBadLogic, "Recipient", why{"одна сторона — FSSP, другая — банк с БИК", "one side is FSSP, the other a bank by its БИК"})
	}
	if m.Seq > 0 && (m.Seq == 1) != (m.Previous == "") {
		c.Add(StateBadLogic, "Previous", why{
			"хеш предыдущего конверта обязателен для всех, кроме первого, и недопустим у первого",
			"the digest of the previous envelope stands in every manifest but the first",
		})
	}
	seen := map[string]bool{}
	for i, e := range m.Entries {
		if name := strings.ToLower(e.Name); seen[name] {
			c.Add(StateBadLogic, "Entry["+strconv.Itoa(i+1)+"]/Name", why{"имя файла повторяется", "the file name is doubled"})
		} else {
			seen[name] = true
		}
	}
}

func manifestEntry(e *ManifestEntry) shape {
	return shape{Parts: []part{
		block.One("Name", &e.Name, entryName),
		block.One("SHA256", &e.SHA256, check.Hex(64)),
		strictxml.One("Size", strictxml.Number(&e.Size, strictxml.Range[int64]{Least: 0, Most: 1 << 40})),
	}}
}

func party(s string) why {
	if s == service {
		return why{}
	}
	return check.Digits(9)(s)
}

// entryName is the form of a file name inside an envelope.
func entryName(s string) why {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	if s == "" || len(s) > 128 || strings.Trim(s, letters+"._-") != "" || !strings.Contains(letters, s[:1]) {
		return why{
			"имя файла: до 128 латинских букв, цифр и знаков . _ -, первый знак — буква или цифра",
			"file name: up to 128 Latin letters, digits and . _ -, beginning with a letter or digit",
		}
	}
	return why{}
}

// DecodeManifest reads a manifest strictly. Time and addressee are the caller's to judge.
func DecodeManifest(data []byte) (*Manifest, Faults) {
	root, fault := strictxml.Parse(data, strictxml.Options{})
	if fault != nil {
		return nil, Faults{*fault}
	}
	if root.Name != "Manifest" || root.Space != manifestSpace {
		return nil, Faults{wrongRoot(root, "Manifest "+manifestSpace)}
	}
	m := new(Manifest)
	faults := strictxml.Read(root, m.shape())
	return m, faults
}

// EncodeManifest writes a manifest that DecodeManifest accepts, or says why it cannot.
func EncodeManifest(m *Manifest) ([]byte, error) {
	data, err := strictxml.Write(strictxml.Document{Root: "Manifest", Space: manifestSpace}, m.shape())
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	if _, faults := DecodeManifest(data); len(faults) > 0 {
		return nil, fmt.Errorf("encode manifest: %w", faults)
	}
	return data, nil
}

package reading

import (
	"encoding/json"
	"strings"
	"time"

	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
)

// ForOffice is what the office gets of a settled parcel: the document, its signatures and,
// last, the verdict.
func (p Parcel) ForOffice(in journal.Incoming) ([]spool.File, error) {
	files := []spool.File{{Name: p.Document.Name, Data: p.Document.Data}}
	for _, s := range p.Signatures {
		files = append(files, spool.File{Name: s.Name, Data: s.Data})
	}
	verdict, err := json.MarshalIndent(handed{
		Bank: in.Bank, File: in.Name, SHA256: in.SHA256, ReceivedAt: in.ReceivedAt.UTC(),
		Kind: in.Kind, Key: in.ExternalKey, Exchange: in.ExchangeID, Verdict: in.Verdict, Signer: in.Signer,
	}, "", "  ")
	return append(files, spool.File{Name: p.Prefix + "_" + p.ID + ".json", Data: append(verdict, '\n')}), err
}

// Apart gives files for the office names that no other file of the bank has: its digest stands in them.
func (p Parcel) Apart(files []spool.File, in journal.Incoming) []spool.File {
	stem := p.Prefix + "_" + p.ID
	list := make([]spool.File, len(files))
	for i, f := range files {
		list[i] = spool.File{Name: stem + "-" + in.SHA256[:12] + strings.TrimPrefix(f.Name, stem), Data: f.Data}
	}
	return list
}

// handed is NAME.json in the office's outbox.
type handed struct {
	Bank       string    `json:"bank"`
	File       string    `json:"file"`
	SHA256     string    `json:"sha256"`
	ReceivedAt time.Time `json:"received_at"`
	Kind       string    `json:"kind"`
	Key        string    `json:"key"`
	Exchange   int64     `json:"exchange"`
	Verdict    string    `json:"verdict"`
	Signer     string    `json:"signer"`
}

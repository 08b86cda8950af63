package install

import (
	"errors"

	"bankconnector/connector/evidence"
	"bankconnector/connector/evidence/note"
	"bankconnector/connector/signature"
	"bankconnector/connector/spool"
	"bankconnector/crypto/pki"
)

// Given is what an auditor gives by hand to hold a journal against. With File nothing of a
// configuration is read: all that is known comes from here.
type Given struct {
	File        string   // journal
	Archives    string   // folder of its archives
	Store       string   // folder of its documents
	Checkpoints []string // files
	Keys        []string // files of public keys of checkpoints
	Signers     []string // files and folders of certificates
	Adopted     []string // hashes of adoptions that he knows of
	Quick       bool
}

// ErrNoKey reports checkpoints that no key is given for.
var ErrNoKey = errors.New("checkpoints without the key that signs them")

// Begin is what the configuration knows, or nothing but the File.
func (g Given) Begin(config string) (evidence.Inquiry, error) {
	if g.File != "" {
		return evidence.Inquiry{Path: g.File}, nil
	}
	plan, err := Read(config)
	if err != nil {
		return evidence.Inquiry{}, err
	}
	return plan.Inquiry()
}

// Add puts to q what was given. The error is ErrNoKey, or of a file that cannot be read.
func (g Given) Add(q *evidence.Inquiry) error {
	if len(g.Checkpoints) > 0 && len(g.Keys)+len(q.Keys) == 0 {
		return ErrNoKey
	}
	q.Checkpoints = append(q.Checkpoints, g.Checkpoints...)
	q.Quick, q.Adopted = g.Quick, g.Adopted
	if g.Archives != "" {
		q.Archives = g.Archives
	}
	if g.Store != "" {
		q.Store = spool.ReadStore(g.Store)
	}
	err := signature.EachFile(g.Keys, func(_ string, data []byte) error {
		key, err := note.ReadPublic(data)
		q.Keys = append(q.Keys, key)
		return err
	})
	return errors.Join(err, signature.EachFile(g.Signers, func(_ string, data []byte) error {
		list, err := pki.ReadCertificates(data)
		q.Certificates = append(q.Certificates, list...)
		return err
	}))
}

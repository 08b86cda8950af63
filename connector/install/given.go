package install

import (
	"errors"

	"bankconnector/connector/evidence"
	"bankconnector/connector/evidence/note"
	"bankconnector/connector/signature"
	"bankconnector/connector/spool"
	"bankconnector/crypto/pki"
	"bankconnector/crypto/stamp"
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
	Stamps      string   // folder of checkpoints with time stamps
	Authorities []string // files and folders of certificates of who made them
	Adopted     []string // hashes of adoptions that he knows of
	Quick       bool
}

// What is worth nothing alone.
var (
	// ErrNoKey reports checkpoints that no key is given for.
	ErrNoKey = errors.New("checkpoints without the key that signs them")
	// ErrNoAuthority reports time stamps that no certificate is given for.
	ErrNoAuthority = errors.New("time stamps without the certificate of who made them")
)

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

// Add puts to q what was given. The error is ErrNoKey, ErrNoAuthority, or of a file that cannot be read.
func (g Given) Add(q *evidence.Inquiry) error {
	if err := g.addStamps(&q.Stamps); err != nil {
		return err
	}
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

func (g Given) addStamps(s *evidence.Stamps) error {
	if g.Stamps != "" {
		s.Folder = g.Stamps
	}
	if len(g.Authorities) == 0 {
		if g.Stamps != "" && s.Authority == nil {
			return ErrNoAuthority
		}
		return nil
	}
	s.Authority = new(stamp.Authority)
	err := signature.EachFile(g.Authorities, func(_ string, data []byte) error {
		list, err := pki.ReadCertificates(data)
		s.Authority.Certificates = append(s.Authority.Certificates, list...)
		return err
	})
	return errors.Join(err, s.Authority.Check())
}

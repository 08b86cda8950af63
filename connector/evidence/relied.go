package evidence

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"time"

	"bankconnector/connector/journal"
	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

// ReliedKind is the kind of the event that names what signatures are held against.
const ReliedKind = "config.trust"

// Relied is its body: certificates and lists in the store, by digest.
type Relied struct {
	All   bool       `json:"all,omitempty"` // a start or a new configuration: what is not named is in force no more
	Trust []Material `json:"trust"`
}

// Material is one file of them.
type Material struct {
	What   string   `json:"what"` // "own", "signer", "root", "intermediate" or "crl" (also an answer of OCSP)
	File   string   `json:"file"`
	Banks  []string `json:"banks,omitempty"` // БИК of those whose signatures are held against it
	SHA256 []string `json:"sha256"`          // of certificates, lists and answers in it, DER, in the store
}

// standing is what was relied on for one bank at an event.
type standing struct {
	material []Material
	events   []int64 // that name it
}

// relied reads what was in force for a bank at a moment; nothing before the program began
// to keep it.
func relied(ctx context.Context, book *journal.Book, bank string, at time.Time) (s standing, err error) {
	seen := make(map[string]bool)
	err = book.Before(ctx, ReliedKind, at, func(e journal.Event) (more bool, err error) {
		var r Relied
		if err := json.Unmarshal(e.Body, &r); err != nil {
			return false, fmt.Errorf("event %d: %w", e.Seq, err)
		}
		for _, m := range r.Trust {
			if key := m.What + " " + m.File; slices.Contains(m.Banks, bank) && !seen[key] {
				seen[key] = true
				s.material = append(s.material, m)
			}
		}
		s.events = append(s.events, e.Seq)
		return !r.All, nil
	})
	if err != nil {
		return s, fmt.Errorf("read what was relied on: %w", err)
	}
	slices.Reverse(s.events)
	return s, nil
}

// chain is what proves a certificate as of then, by file name: from above the signer's up
// to the root, and the lists.
type chain []file

type file struct {
	name string
	data []byte
}

// chain finds the path from a signer's certificate to a root that was relied on; nothing
// when the certificate itself was pinned and no root was.
func (c Case) chain(ctx context.Context, s standing, signer *pki.Certificate, at time.Time) (chain, error) {
	parts := make(map[string][][]byte)
	for _, m := range s.material {
		for _, digest := range m.SHA256 {
			data, err := c.Store.Get(ctx, digest)
			if err != nil {
				return nil, err
			}
			parts[m.What] = append(parts[m.What], data)
		}
	}
	if len(parts["root"]) == 0 {
		return nil, nil
	}
	policy := relying(signer)
	for what, into := range map[string]*[]*pki.Certificate{"root": &policy.Roots, "intermediate": &policy.Intermediates} {
		for _, data := range parts[what] {
			cert, err := pki.ParseCertificate(data)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", what, err)
			}
			*into = append(*into, cert)
		}
	}
	if len(parts["crl"]) > 0 {
		policy.CRLs = new(cms.Revocations)
	}
	for _, data := range parts["crl"] {
		if err := policy.CRLs.Add(data); err != nil {
			return nil, err
		}
	}
	verdict := policy.Check(signer, at)
	if verdict.Status == cms.Unchecked { // the profile may have allowed that
		policy.RevocationOptional, parts["crl"] = true, nil
		verdict = policy.Check(signer, at)
	}
	if !verdict.Valid() {
		return nil, fmt.Errorf("the chain of %s does not hold at %s: %s", signer, at.Format(time.RFC3339), verdict.Text("en"))
	}
	return layOut(verdict.Chain, parts["crl"]), nil
}

// layOut names the files of a chain as the check expects them.
func layOut(path []*pki.Certificate, lists [][]byte) (out chain) {
	for i, cert := range path[1:] {
		name := fmt.Sprintf("intermediate-%d.pem", i+1)
		if i+2 == len(path) {
			name = "root.pem"
		}
		out = append(out, file{name, pki.MarshalCertificate(cert)})
	}
	for i, data := range lists {
		list, err := x509.ParseRevocationList(data)
		if err != nil { // an answer of OCSP: the certificates in it tell whose
			out = append(out, file{fmt.Sprintf("answer-%d.der", i+1), data})
			continue
		}
		if slices.ContainsFunc(path, func(c *pki.Certificate) bool { return bytes.Equal(c.X509.RawSubject, list.RawIssuer) }) {
			out = append(out, file{fmt.Sprintf("crl-%d.pem", i+1), pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: data})})
		}
	}
	return out
}

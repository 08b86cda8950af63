package proof

import (
	"context"
	"encoding/json"
)

// trustKind is the kind of the event that names the certificates and lists that signatures
// are held against from then on.
const trustKind = "config.trust"

// relied remembers which certificates and lists of revoked ones an event names: they lie
// in the store, and no table names them.
func (s *span) relied(seq int64, body string) {
	var r struct {
		Trust []struct {
			SHA256 []string `json:"sha256"`
		} `json:"trust"`
	}
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		s.bad(seq, "cannot be read: %v", err)
	}
	if s.named == nil {
		s.named = make(map[string]bool)
	}
	for _, m := range r.Trust {
		for _, digest := range m.SHA256 {
			s.named[digest] = true
		}
	}
}

// reliedOn asks the store for them. There are as many as authorities have made lists in
// the life of the journal.
func (v *verification) reliedOn(ctx context.Context) error {
	if v.o.Store == nil {
		return nil
	}
	seen := make(map[string]bool)
	for _, named := range v.named {
		for digest := range named {
			if seen[digest] {
				continue
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			seen[digest] = true
			v.r.Digests++
			if err := v.o.Store(digest); err != nil {
				v.unstored(digest, err)
			}
		}
	}
	return nil
}

package trust

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"bankconnector/crypto/pki"
)

// clockSkew is how far an authority's clock may run ahead of ours.
const clockSkew = 5 * time.Minute

// A daemon adds a fresh list every hour for years: of each authority only the newest are kept.
const (
	maxLists   = 8
	maxAnswers = 1024
)

// Revocations is what is known about revocation: CRLs and OCSP answers, given by Add, proven when they are first used.
// It remembers the highest CRL number proven for each authority and does not go back behind it (crl-rollback).
// The zero value is empty and ready; it is safe for concurrent use.
type Revocations struct {
	// Now is our clock, so that a list of the future is told from one that was made after the moment that is judged: the
	// latter says all the more about it. Without it the two are one. Set it before the first use.
	Now func() time.Time

	mu     sync.Mutex
	crls   map[string][]*crl // by the issuer's name in DER
	ocsp   []*answer
	floors map[string]*big.Int // highest proven crlNumber by the issuer's key
}

type crl struct {
	list      *x509.RevocationList
	algorithm []byte
	revoked   map[string]time.Time // by serial number
	problem   *pki.Refusal         // why it may not be used although it is signed
	proven    map[string]*pki.Refusal
}

// Add takes a CRL (DER, or PEM with any number of them) or an OCSP response (DER). An error means the octets cannot be
// read; whether they are current, genuine and about the right certificate is judged at use.
func (r *Revocations) Add(data []byte) error {
	if len(data) > 0 && data[0] == 0x30 {
		return r.add(data)
	}
	n := 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "X509 CRL" {
			return fmt.Errorf("read crl: block %d is %q, want X509 CRL", n+1, block.Type)
		}
		if err := r.add(block.Bytes); err != nil {
			return err
		}
		n++
	}
	if n == 0 {
		return fmt.Errorf("read crl: %w", errors.New("neither DER nor PEM"))
	}
	return nil
}

func (r *Revocations) add(raw []byte) error {
	if isAnswer(raw) {
		a, err := parseAnswer(raw)
		if err != nil {
			return fmt.Errorf("read ocsp response: %w", err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.ocsp = append(r.ocsp, a); len(r.ocsp) > maxAnswers {
			r.ocsp = slices.Delete(r.ocsp, 0, 1)
		}
		return nil
	}
	c, err := parseCRL(raw)
	if err != nil {
		return fmt.Errorf("read crl: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.crls == nil {
		r.crls = make(map[string][]*crl)
	}
	name := string(c.list.RawIssuer)
	lists := slices.DeleteFunc(r.crls[name], func(o *crl) bool { return bytes.Equal(o.list.Raw, c.list.Raw) })
	lists = append(lists, c)
	slices.SortStableFunc(lists, func(a, b *crl) int { return b.list.ThisUpdate.Compare(a.list.ThisUpdate) })
	r.crls[name] = lists[:min(len(lists), maxLists)] // an authority may have several keys under its name
	return nil
}

func parseCRL(raw []byte) (*crl, error) {
	list, err := x509.ParseRevocationList(bytes.Clone(raw))
	if err != nil {
		return nil, err
	}
	s := cryptobyte.String(raw) // the library does not mind octets behind the list
	var whole, algorithm cryptobyte.String
	if !pki.WellFormed(raw, true) || !s.ReadASN1(&whole, der.SEQUENCE) || !s.Empty() || !whole.SkipASN1(der.SEQUENCE) || !whole.ReadASN1Element(&algorithm, der.SEQUENCE) {
		return nil, errors.New("malformed CRL, or octets behind it")
	}
	c := &crl{list: list, algorithm: algorithm, revoked: make(map[string]time.Time), proven: make(map[string]*pki.Refusal)}
	c.problem = checkExtensions(list)
	for _, e := range list.RevokedCertificateEntries {
		serial := e.SerialNumber.String()
		if when, twice := c.revoked[serial]; !twice || e.RevocationTime.Before(when) {
			c.revoked[serial] = e.RevocationTime
		}
		for _, x := range e.Extensions {
			if x.Critical {
				c.problem = refuse("crl-critical", "an entry of the CRL of %q has the critical extension %s", list.Issuer, x.Id)
			}
		}
	}
	return c, nil
}

// checkExtensions refuses partial, delta and indirect lists and every unknown critical extension (RFC 5280 section 5.2):
// silence of such a list about a certificate proves nothing.
func checkExtensions(list *x509.RevocationList) *pki.Refusal {
	for _, e := range list.Extensions {
		switch id := e.Id.String(); {
		case id == "2.5.29.27", id == "2.5.29.28": // deltaCRLIndicator, issuingDistributionPoint
			return refuse("crl-critical", "the CRL of %q is a delta or covers only a part (extension %s)", list.Issuer, id)
		case e.Critical && id != "2.5.29.20" && id != "2.5.29.35":
			return refuse("crl-critical", "the CRL of %q has the critical extension %s", list.Issuer, id)
		}
	}
	return nil
}

// Floors gives the highest proven CRL number for each authority (by the SHA-256 of its certificate), to be kept over a
// restart and given to SetFloors.
func (r *Revocations) Floors() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[string]string, len(r.floors))
	for k, v := range r.floors {
		all[k] = v.String()
	}
	return all
}

// SetFloors raises the floors to those of an earlier run; a lower one changes nothing.
func (r *Revocations) SetFloors(floors map[string]string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, v := range floors {
		n, ok := new(big.Int).SetString(v, 10)
		if !ok {
			return fmt.Errorf("set crl floors: %q is not a number", v)
		}
		r.raise(k, n)
	}
	return nil
}

func (r *Revocations) raise(issuer string, n *big.Int) {
	if r.floors == nil {
		r.floors = make(map[string]*big.Int)
	}
	if n != nil && (r.floors[issuer] == nil || n.Cmp(r.floors[issuer]) > 0) {
		r.floors[issuer] = n
	}
}

// check tells what is known about c, issued by issuer, at a moment: nil when a current and genuine CRL or OCSP answer
// says it stands. A revocation that any genuine whole list tells counts, even one that is stale or rolled back.
func (r *Revocations) check(c, issuer *pki.Certificate, at time.Time) *pki.Refusal {
	if r == nil {
		return refuse("no-crl", "nothing is known about the revocation of %s", c)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	refusal := r.checkCRLs(c, issuer, at)
	if refusal == nil || refusal.Code == "revoked" {
		if said := r.checkOCSP(c, issuer, at); said != nil && said.Code == "revoked" {
			return said
		}
		return refusal
	}
	switch said := r.checkOCSP(c, issuer, at); {
	case said == nil:
		return nil
	case said.Code == "revoked", refusal.Code == "no-crl":
		return said
	default:
		return refusal
	}
}

func (r *Revocations) checkCRLs(c, issuer *pki.Certificate, at time.Time) *pki.Refusal {
	refusal := refuse("no-crl", "no CRL of %q", issuer.Subject().Text)
	good := false
	serial := c.X509.SerialNumber.String()
	var genuine []*crl
	for _, l := range r.crls[string(issuer.X509.RawSubject)] {
		if bad := l.prove(issuer); bad != nil {
			refusal = bad
			continue
		}
		genuine = append(genuine, l)
		if l.problem == nil {
			r.raise(issuer.Fingerprint(), l.list.Number)
		}
	}
	for _, l := range genuine {
		// A date to come counts as well, unless the list was made after the moment that is judged.
		if when, listed := l.revoked[serial]; listed && (!when.After(at) || !l.list.ThisUpdate.After(at)) && l.problem == nil {
			return refuse("revoked", "%s was revoked at %s", c, stamp(when))
		}
		if bad := r.usable(l, issuer, at); bad != nil {
			refusal = bad
		} else {
			good = true
		}
	}
	if good {
		return nil
	}
	return refusal
}

func (l *crl) prove(issuer *pki.Certificate) *pki.Refusal {
	key := issuer.Fingerprint()
	if known, ok := l.proven[key]; ok {
		return known
	}
	var refusal *pki.Refusal
	if !allows(issuer, x509.KeyUsageCRLSign) {
		refusal = refuse("crl-signature", "%s may not sign CRLs", issuer)
	} else if id := issuer.X509.SubjectKeyId; len(l.list.AuthorityKeyId) > 0 && len(id) > 0 && !bytes.Equal(l.list.AuthorityKeyId, id) {
		refusal = refuse("crl-signature", "the CRL of %q names another key than that of %s", l.list.Issuer, issuer)
	} else if bad := issuer.Verifies(l.algorithm, l.list.RawTBSRevocationList, l.list.Signature); bad != nil {
		refusal = refuse("crl-signature", "the CRL of %q does not verify under the key of %s: %s", l.list.Issuer, issuer, bad.Detail)
	}
	l.proven[key] = refusal
	return refusal
}

// future tells that a list or an answer claims to be of a time that has not come.
func (r *Revocations) future(made, at time.Time) bool {
	if r.Now != nil && r.Now().After(at) {
		at = r.Now()
	}
	return made.After(at.Add(clockSkew))
}

// usable judges a genuine CRL as proof that what it does not list stands at a moment.
func (r *Revocations) usable(l *crl, issuer *pki.Certificate, at time.Time) *pki.Refusal {
	list := l.list
	switch floor := r.floors[issuer.Fingerprint()]; {
	case l.problem != nil:
		return l.problem
	case list.NextUpdate.IsZero():
		return refuse("crl-stale", "the CRL of %q does not say when the next one comes", list.Issuer)
	case r.future(list.ThisUpdate, at):
		return refuse("crl-stale", "the CRL of %q is of %s, which has not come", list.Issuer, stamp(list.ThisUpdate))
	case at.After(list.NextUpdate):
		return refuse("crl-stale", "the CRL of %q was to be replaced by %s", list.Issuer, stamp(list.NextUpdate))
	case floor != nil && (list.Number == nil || list.Number.Cmp(floor) < 0):
		return refuse("crl-rollback", "the CRL of %q has number %v, number %v was seen before", list.Issuer, list.Number, floor)
	}
	return nil
}

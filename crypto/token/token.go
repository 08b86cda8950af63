// Package token signs with a key that never leaves a PKCS#11 token or HSM (OASIS PKCS #11 v2.40): RSA, ECDSA and
// GOST R 34.10-2012. The module is the vendor's shared library, loaded into this process.
//
// It makes signature values, not messages: give Key.Sign to cms.NewSignerFunc, which verifies every one of them before
// it leaves. A wrong PIN is tried once and never again, and a token that has one try left is not touched: a daemon that
// starts again and again must not lock it. It may call pki.
package token

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"

	"bankconnector/crypto/pki"
)

// Options say where a key lies.
type Options struct {
	Module string // file of the vendor's library
	Token  string // label of the token; may be empty when only one is there
	Label  string // CKA_LABEL of the private key
	ID     string // CKA_ID in hex; one of Label and ID, or both
	PIN    func() (string, error)
}

// Key is a private key on a token. It is safe for concurrent use; the token signs one after the other.
type Key struct {
	opts   Options
	public pki.PublicKey
	module module

	mu      sync.Mutex
	session uint
	handle  uint
	opened  bool
	barred  error // why the PIN is not tried again
	order   int   // which reading of a GOST value was right
}

// module is what is asked of a vendor's library.
type module interface {
	slots() ([]slot, error)
	open(slot uint) (session uint, err error)
	closeSession(session uint)
	login(session uint, pin string) error
	find(session, class uint, label string, id []byte) ([]uint, error)
	kind(session, object uint) (uint, error)
	attributes(session, object uint, types ...uint) ([][]byte, error)
	sign(session, key, mechanism uint, data []byte) ([]byte, error)
}

// slot is a reader with a token in it.
type slot struct {
	id    uint
	label string
	flags uint
}

// fault is a CKR_ code of a module.
type fault struct {
	code uint
	text string
}

func (f fault) Error() string { return f.text }

// Return values and flags of PKCS #11 v2.40 that are acted on.
const (
	pinIncorrect    = 0xA0
	pinExpired      = 0xA3
	pinLocked       = 0xA4
	alreadyLoggedIn = 0x100
	deviceError     = 0x30
	deviceRemoved   = 0x32
	sessionClosed   = 0xB0
	sessionInvalid  = 0xB3
	tokenAbsent     = 0xE0
	notLoggedIn     = 0x101
	keyInvalid      = 0x60
	objectInvalid   = 0x82
	flagFinalTry    = 0x20000
	flagPINLocked   = 0x40000
)

// Open loads the module, logs in and finds the key. public is the key of our certificate; the first signature shows
// whether it belongs to the token's. With nil, when there is no certificate yet, the token is asked for it.
func Open(o Options, public pki.PublicKey) (*Key, error) {
	m, err := load(o.Module)
	if err != nil {
		return nil, fmt.Errorf("load PKCS#11 module %s: %w", o.Module, err)
	}
	return openWith(m, o, public)
}

func openWith(m module, o Options, public pki.PublicKey) (*Key, error) {
	k := &Key{opts: o, public: public, module: m}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.connect(); err != nil {
		return nil, fmt.Errorf("open token %q: %w", o.Token, err)
	}
	if err := k.fit(); err != nil {
		k.disconnect()
		return nil, fmt.Errorf("open token %q: %w", o.Token, err)
	}
	return k, nil
}

// fit learns the public half, unless it is known, and refuses a kind of key that is not signed with here.
func (k *Key) fit() (err error) {
	if k.public == nil {
		if k.public, err = k.readPublic(); err != nil {
			return err
		}
	}
	_, _, err = mechanism(k.public.Algorithm(), k.public.Algorithm().Digest(), nil)
	return err
}

// Sign makes the signature value over a digest as it stands in a CMS; it is a cms.RawSigner. A session that was lost,
// because the token was pulled out and put back, is opened again once.
func (k *Key) Sign(ctx context.Context, h pki.Digest, digest []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("sign with token %q: %w", k.opts.Token, err)
	}
	id, data, err := mechanism(k.public.Algorithm(), h, digest)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	value, err := k.try(id, data)
	if lost(err) {
		k.disconnect()
		value, err = k.try(id, data)
	}
	if err == nil {
		value, err = k.arrange(h, digest, value)
	}
	if err != nil {
		return nil, fmt.Errorf("sign with token %q: %w", k.opts.Token, err)
	}
	return value, nil
}

// Close ends the session. The library itself stays loaded: another session of this process may be using it.
func (k *Key) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.disconnect()
	return nil
}

func (k *Key) try(mechanism uint, data []byte) ([]byte, error) {
	if err := k.connect(); err != nil {
		return nil, err
	}
	return k.module.sign(k.session, k.handle, mechanism, data)
}

func (k *Key) disconnect() {
	if k.opened {
		k.module.closeSession(k.session)
		k.opened = false
	}
}

// lost tells whether a fault means that session or token went away.
func lost(err error) bool {
	var f fault
	if !errors.As(err, &f) {
		return false
	}
	switch f.code {
	case deviceError, deviceRemoved, sessionClosed, sessionInvalid, tokenAbsent, notLoggedIn, keyInvalid, objectInvalid:
		return true
	}
	return false
}

// connect opens a session with the key, unless there is one.
func (k *Key) connect() (err error) {
	if k.opened {
		return nil
	}
	where, err := k.choose()
	if err != nil {
		return err
	}
	session, err := k.module.open(where.id)
	if err != nil {
		return fmt.Errorf("open session: %w", err)
	}
	defer func() {
		if err != nil {
			k.module.closeSession(session)
		}
	}()
	if err := k.login(session, where); err != nil {
		return err
	}
	handle, err := k.find(session)
	if err != nil {
		return err
	}
	k.session, k.handle, k.opened = session, handle, true
	return nil
}

// choose finds the token by its label.
func (k *Key) choose() (slot, error) {
	all, err := k.module.slots()
	if err != nil {
		return slot{}, fmt.Errorf("list tokens: %w", err)
	}
	var fit []slot
	var labels []string
	for _, s := range all {
		labels = append(labels, fmt.Sprintf("%q", s.label))
		if k.opts.Token == "" || s.label == k.opts.Token {
			fit = append(fit, s)
		}
	}
	if len(fit) != 1 {
		return slot{}, fmt.Errorf("%d tokens fit, exactly one must; plugged in: %s", len(fit), strings.Join(labels, ", "))
	}
	return fit[0], nil
}

// login gives the PIN, at most once when it is wrong. The error never holds it.
func (k *Key) login(session uint, where slot) error {
	switch {
	case k.barred != nil:
		return k.barred
	case where.flags&flagPINLocked != 0:
		return errors.New("the PIN is locked; unlock it with the vendor's tool")
	case where.flags&flagFinalTry != 0:
		return errors.New("the token allows one last try of the PIN, which is left to a person: log in with the vendor's tool, then reload")
	}
	pin, err := k.opts.PIN()
	if err != nil {
		return fmt.Errorf("read PIN: %w", err)
	}
	err = k.module.login(session, pin)
	var f fault
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &f):
		return fmt.Errorf("log in: %w", err)
	}
	switch f.code {
	case alreadyLoggedIn:
		return nil
	case pinIncorrect, pinExpired, pinLocked:
		k.barred = fmt.Errorf("the token refused the PIN (%w); mend the PIN file, then reload. It is not tried again before", err)
		return k.barred
	}
	return fmt.Errorf("log in: %w", err)
}

func (k *Key) find(session uint) (uint, error) {
	id, err := hex.DecodeString(k.opts.ID)
	if err != nil {
		return 0, fmt.Errorf("key id %q is not hexadecimal", k.opts.ID)
	}
	found, err := k.module.find(session, classPrivate, k.opts.Label, id)
	if err != nil {
		return 0, fmt.Errorf("find key: %w", err)
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("%d private keys with label %q and id %q, exactly one must be there", len(found), k.opts.Label, k.opts.ID)
	}
	return found[0], nil
}

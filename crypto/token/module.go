//go:build !nopkcs11

package token

import (
	"encoding/binary"
	"errors"

	"github.com/miekg/pkcs11"
)

// library is a vendor's module, loaded and initialised.
type library struct{ ctx *pkcs11.Ctx }

// load loads a module. It is never finalised nor unloaded: both would pull it away under another session of this
// process, and on a reload the next one begins before the last has ended.
func load(path string) (module, error) {
	ctx := pkcs11.New(path)
	if ctx == nil {
		return nil, errors.New("the file is not there, or is no PKCS#11 library of this machine's kind")
	}
	if err := ctx.Initialize(); err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
		return nil, told(err)
	}
	return library{ctx}, nil
}

func (l library) slots() ([]slot, error) {
	list, err := l.ctx.GetSlotList(true)
	if err != nil {
		return nil, told(err)
	}
	var all []slot
	for _, id := range list {
		info, err := l.ctx.GetTokenInfo(id)
		if err != nil {
			return nil, told(err)
		}
		if info.Flags&pkcs11.CKF_TOKEN_INITIALIZED != 0 {
			all = append(all, slot{id: id, label: info.Label, flags: info.Flags})
		}
	}
	return all, nil
}

func (l library) open(slot uint) (uint, error) {
	session, err := l.ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
	return uint(session), told(err)
}

// closeSession has nothing to do about an error: the session is gone either way.
func (l library) closeSession(session uint) { _ = l.ctx.CloseSession(pkcs11.SessionHandle(session)) }

func (l library) login(session uint, pin string) error {
	return told(l.ctx.Login(pkcs11.SessionHandle(session), pkcs11.CKU_USER, pin))
}

func (l library) find(session, class uint, label string, id []byte) ([]uint, error) {
	want := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class)}
	if label != "" {
		want = append(want, pkcs11.NewAttribute(pkcs11.CKA_LABEL, label))
	}
	if len(id) > 0 {
		want = append(want, pkcs11.NewAttribute(pkcs11.CKA_ID, id))
	}
	at := pkcs11.SessionHandle(session)
	if err := l.ctx.FindObjectsInit(at, want); err != nil {
		return nil, told(err)
	}
	found, _, err := l.ctx.FindObjects(at, 8)
	if end := l.ctx.FindObjectsFinal(at); err == nil {
		err = end
	}
	var all []uint
	for _, h := range found {
		all = append(all, uint(h))
	}
	return all, told(err)
}

// kind is a CK_KEY_TYPE, which a module gives as a number of the machine's own width and order.
func (l library) kind(session, object uint) (uint, error) {
	values, err := l.attributes(session, object, attributeKind)
	switch {
	case err != nil:
		return 0, err
	case len(values) == 1 && len(values[0]) == 8:
		return uint(binary.NativeEndian.Uint64(values[0])), nil
	case len(values) == 1 && len(values[0]) == 4:
		return uint(binary.NativeEndian.Uint32(values[0])), nil
	}
	return 0, errors.New("the module gave no number as the kind of the key")
}

func (l library) attributes(session, object uint, types ...uint) ([][]byte, error) {
	want := make([]*pkcs11.Attribute, len(types))
	for i, t := range types {
		want[i] = pkcs11.NewAttribute(t, nil)
	}
	got, err := l.ctx.GetAttributeValue(pkcs11.SessionHandle(session), pkcs11.ObjectHandle(object), want)
	if err != nil {
		return nil, told(err)
	}
	values := make([][]byte, len(got))
	for i, a := range got {
		values[i] = a.Value
	}
	return values, nil
}

func (l library) sign(session, key, mechanism uint, data []byte) ([]byte, error) {
	at := pkcs11.SessionHandle(session)
	if err := l.ctx.SignInit(at, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}, pkcs11.ObjectHandle(key)); err != nil {
		return nil, told(err)
	}
	value, err := l.ctx.Sign(at, data)
	return value, told(err)
}

// told gives a module's code and its name, nothing else.
func told(err error) error {
	var code pkcs11.Error
	if errors.As(err, &code) {
		return fault{uint(code), code.Error()}
	}
	return err
}

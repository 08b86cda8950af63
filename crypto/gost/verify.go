package gost

// Verify reports whether sig, s then r big-endian, is a signature of RFC 7091,
// section 6.2, over the digest, the hash's octets as they are. A wrong length of
// either, a half that is zero or not below q and everything else that is not
// right is false.
func (k *PublicKey) Verify(digest, sig []byte) bool {
	size := k.curve.size
	if len(digest) != size || len(sig) != 2*size {
		return false
	}
	order := k.curve.math().order
	s, r := readBig(sig[:size]), readBig(sig[size:])
	if !order.inside(&s) || !order.inside(&r) {
		return false
	}
	e := k.curve.math().exponent(digest)
	v := order.inverse(&e)
	minus := order.negate(&r)
	z1, z2 := order.multiply(&s, &v), order.multiply(&minus, &v)
	return k.point.hits(&z1, &z2, &r)
}

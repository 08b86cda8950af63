package message

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"bankconnector/crypto/pki"
)

// header is the identifier and length of one element.
type header struct {
	tag        byte
	size       int // octets of the header itself
	length     int // of the content; meaningless when indefinite
	indefinite bool
}

func (h header) constructed() bool { return h.tag&0x20 != 0 }

// readHeader reads one header from data. Lengths must be minimal (X.690 10.1) also where BER is allowed: nobody needs
// the freedom, and it would give one message many spellings.
func readHeader(data []byte) (header, *pki.Refusal) {
	if len(data) < 2 {
		return header{}, refuse(codeNotDER, "the message ends inside an element")
	}
	h := header{tag: data[0], size: 2}
	if h.tag&0x1f == 0x1f {
		return header{}, refuse(codeNotDER, "a tag number above 30")
	}
	first := data[1]
	switch {
	case first < 0x80:
		h.length = int(first)
		return h, nil
	case first == 0x80:
		if !h.constructed() {
			return header{}, refuse(codeNotDER, "a primitive element of indefinite length")
		}
		h.indefinite = true
		return h, nil
	}
	n := int(first & 0x7f)
	if n > 4 || len(data) < 2+n {
		return header{}, refuse(codeNotDER, "a length of %d octets", n)
	}
	for _, b := range data[2 : 2+n] {
		h.length = h.length<<8 | int(b)
	}
	h.size += n
	if data[2] == 0 || h.length < 0x80 {
		return header{}, refuse(codeNotDER, "a length that is not minimal")
	}
	return h, nil
}

// checkDER walks every element of data and refuses what DER does not allow: indefinite and non-minimal lengths,
// constructed strings, malformed primitive values, elements that end before or after their parent.
func checkDER(data []byte, depth int) *pki.Refusal {
	for len(data) > 0 {
		h, refusal := readHeader(data)
		if refusal != nil {
			return refusal
		}
		if h.indefinite {
			return refuse(codeBER, "an element of indefinite length")
		}
		if h.length > len(data)-h.size {
			return refuse(codeNotDER, "an element of %d octets where %d are left", h.length, len(data)-h.size)
		}
		body := data[h.size : h.size+h.length]
		if h.constructed() {
			if h.tag < 0x40 && h.tag != 0x30 && h.tag != 0x31 {
				return refuse(codeBER, "a constructed string (tag %02x)", h.tag)
			}
			if depth == 0 {
				return refuse(codeLimits, "elements nested deeper than %d", maxDepth)
			}
			if refusal := checkDER(body, depth-1); refusal != nil {
				return refusal
			}
		} else if !primitive(h.tag, body) {
			return refuse(codeNotDER, "a malformed value (tag %02x)", h.tag)
		}
		data = data[h.size+h.length:]
	}
	return nil
}

// primitive checks a value by X.690 sections 8 and 11.
func primitive(tag byte, v []byte) bool {
	switch tag {
	case 0x00, 0x10, 0x11: // end of contents; SEQUENCE and SET are never primitive
		return false
	case 0x01:
		return len(v) == 1 && (v[0] == 0 || v[0] == 0xff)
	case 0x02, 0x0a:
		return len(v) == 1 || len(v) > 1 && (v[0] != 0 || v[1]&0x80 != 0) && (v[0] != 0xff || v[1]&0x80 == 0)
	case 0x03:
		if len(v) == 0 || v[0] > 7 || len(v) == 1 && v[0] != 0 {
			return false
		}
		return v[len(v)-1]&(1<<v[0]-1) == 0 || len(v) == 1
	case 0x05:
		return len(v) == 0
	case 0x06:
		return validOID(v)
	default:
		return true
	}
}

func validOID(v []byte) bool {
	if len(v) == 0 || v[len(v)-1]&0x80 != 0 {
		return false
	}
	start := true
	for _, b := range v {
		if start && b == 0x80 {
			return false
		}
		start = b&0x80 == 0
	}
	return true
}

// normalise rewrites a BER message as DER: indefinite lengths become definite and segmented strings become one.
// That is what BouncyCastle-based bank software needs and all that is changed: nothing is sorted, no value is touched.
// Depth is bounded, and so is the result, which cannot be longer than the message by more than three octets an element.
func normalise(data []byte) ([]byte, *pki.Refusal) {
	out, rest, refusal := normaliseOne(data, berDepth)
	if refusal != nil {
		return nil, refusal
	}
	if len(rest) > 0 {
		return nil, refuse(codeTail, "%d octets after the signature", len(rest))
	}
	return out, nil
}

func normaliseOne(data []byte, depth int) (out, rest []byte, refusal *pki.Refusal) {
	h, refusal := readHeader(data)
	if refusal != nil {
		return nil, nil, refusal
	}
	data = data[h.size:]
	if !h.indefinite && h.length > len(data) {
		return nil, nil, refuse(codeNotDER, "an element of %d octets where %d are left", h.length, len(data))
	}
	if !h.constructed() {
		if h.tag == 0 {
			return nil, nil, refuse(codeBER, "an end of contents that closes nothing")
		}
		return Encode(h.tag, data[:h.length]), data[h.length:], nil
	}
	if depth == 0 {
		return nil, nil, refuse(codeBER, "elements nested deeper than %d", berDepth)
	}
	body := data
	if !h.indefinite {
		body, rest = data[:h.length], data[h.length:]
	}
	var parts [][]byte
	for {
		if h.indefinite && bytes.HasPrefix(body, []byte{0, 0}) {
			rest = body[2:]
			break
		}
		if len(body) == 0 {
			if h.indefinite {
				return nil, nil, refuse(codeBER, "an element of indefinite length that never ends")
			}
			break
		}
		var part []byte
		if part, body, refusal = normaliseOne(body, depth-1); refusal != nil {
			return nil, nil, refusal
		}
		parts = append(parts, part)
	}
	out, refusal = assemble(h.tag, parts)
	return out, rest, refusal
}

// assemble closes a constructed element; the segments of a string (X.690 8.7.3) are joined into a primitive one.
func assemble(tag byte, parts [][]byte) ([]byte, *pki.Refusal) {
	if tag >= 0x40 || tag == 0x30 || tag == 0x31 {
		return Encode(tag, bytes.Join(parts, nil)), nil
	}
	if tag != 0x24 {
		return nil, refuse(codeBER, "a segmented value that is not an OCTET STRING (tag %02x)", tag)
	}
	var whole []byte
	for _, p := range parts {
		if p[0] != 0x04 {
			return nil, refuse(codeBER, "a segment that is not an OCTET STRING (tag %02x)", p[0])
		}
		h, refusal := readHeader(p)
		if refusal != nil {
			return nil, refusal
		}
		whole = append(whole, p[h.size:]...)
	}
	return Encode(0x04, whole), nil
}

// Encode writes one element with a definite, minimal length.
func Encode(tag byte, body []byte) []byte {
	b := cryptobyte.NewBuilder(make([]byte, 0, len(body)+6))
	b.AddASN1(der.Tag(tag), func(b *cryptobyte.Builder) { b.AddBytes(body) })
	return b.BytesOrPanic() // only for 4 GiB, and nothing here is longer than a message may be
}

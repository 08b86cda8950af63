// Package asic writes associated signature containers: a ZIP with files and one signature
// over all of them, which archives, courts and signature services open without us.
//
// The form is ASiC-E with CAdES (ETSI EN 319 162-1 V1.1.1, clause 4.4 and annex A): first
// the entry mimetype, stored and without extra fields, then the files, then
// META-INF/ASiCManifest001.xml with the SHA-256 of each of them, and the detached CAdES
// signature over the octets of that manifest in META-INF/signature001.p7s. The package
// makes no signature itself and calls no other room.
package asic

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"strings"
)

// MimeType is that of an extended container.
const MimeType = "application/vnd.etsi.asic-e+zip"

const (
	manifestName  = "META-INF/ASiCManifest001.xml"
	signatureName = "META-INF/signature001.p7s"
)

// Writer writes one container. Nothing is whole before Close.
type Writer struct {
	zip  *zip.Writer
	refs []reference
}

// manifest is ASiCManifest of EN 319 162-1, annex A.4.
type manifest struct {
	XMLName   xml.Name `xml:"asic:ASiCManifest"`
	ASiC      string   `xml:"xmlns:asic,attr"`
	DS        string   `xml:"xmlns:ds,attr"`
	Signature struct {
		URI      string `xml:"URI,attr"`
		MimeType string `xml:"MimeType,attr"`
	} `xml:"asic:SigReference"`
	Data []reference `xml:"asic:DataObjectReference"`
}

type reference struct {
	URI      string `xml:"URI,attr"`
	MimeType string `xml:"MimeType,attr"`
	Method   struct {
		Algorithm string `xml:"Algorithm,attr"`
	} `xml:"ds:DigestMethod"`
	Digest string `xml:"ds:DigestValue"`
}

// NewWriter begins a container.
func NewWriter(w io.Writer) (*Writer, error) {
	c := &Writer{zip: zip.NewWriter(w)}
	// Sizes are known beforehand, so that the local header holds them and a reader finds the type at octet 38.
	entry, err := c.zip.CreateRaw(&zip.FileHeader{
		Name: "mimetype", Method: zip.Store, CRC32: crc32.ChecksumIEEE([]byte(MimeType)),
		CompressedSize64: uint64(len(MimeType)), UncompressedSize64: uint64(len(MimeType)),
	})
	if err == nil {
		_, err = io.WriteString(entry, MimeType)
	}
	if err != nil {
		return nil, fmt.Errorf("begin container: %w", err)
	}
	return c, nil
}

// Add puts a file in. META-INF/ is the container's own.
func (c *Writer) Add(name string, data []byte) error {
	if name == "" || name == "mimetype" || strings.HasPrefix(strings.ToUpper(name), "META-INF/") || name != path.Clean(name) || path.IsAbs(name) || strings.HasPrefix(name, "..") {
		return fmt.Errorf("container: %q is no name for a file in it", name)
	}
	sum := sha256.Sum256(data)
	r := reference{URI: name, MimeType: mimeType(name), Digest: base64.StdEncoding.EncodeToString(sum[:])}
	r.Method.Algorithm = "http://www.w3.org/2001/04/xmlenc#sha256"
	c.refs = append(c.refs, r)
	return c.put(name, data)
}

func (c *Writer) put(name string, data []byte) error {
	w, err := c.zip.Create(name)
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil {
		return fmt.Errorf("container: %s: %w", name, err)
	}
	return nil
}

func mimeType(name string) string {
	switch path.Ext(name) {
	case ".txt", ".sh", "":
		return "text/plain"
	case ".json":
		return "application/json"
	case ".zip":
		return "application/zip"
	case ".pem", ".pub":
		return "application/x-pem-file"
	case ".db":
		return "application/vnd.sqlite3"
	default:
		return "application/octet-stream"
	}
}

// Close writes the manifest with its signature, which sign makes: detached CAdES, DER.
func (c *Writer) Close(sign func(content []byte) ([]byte, error)) error {
	if len(c.refs) == 0 {
		return errors.New("container: there is nothing in it to sign")
	}
	m := manifest{ASiC: "http://uri.etsi.org/02918/v1.2.1#", DS: "http://www.w3.org/2000/09/xmldsig#", Data: c.refs}
	m.Signature.URI, m.Signature.MimeType = signatureName, "application/pkcs7-signature"
	var b bytes.Buffer
	b.WriteString(xml.Header)
	out := xml.NewEncoder(&b)
	out.Indent("", "  ")
	if err := out.Encode(m); err != nil {
		return fmt.Errorf("container: %w", err)
	}
	b.WriteByte('\n')
	sig, err := sign(b.Bytes())
	if err != nil {
		return fmt.Errorf("sign container: %w", err)
	}
	return errors.Join(c.put(manifestName, b.Bytes()), c.put(signatureName, sig), c.zip.Close())
}

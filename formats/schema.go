package formats

import "embed"

//go:embed schema/*.xsd
var schemas embed.FS

// Schema is our XSD of the kind, or of the manifest for the kind "manifest"; nil for another. It describes what Encode
// writes, without a namespace: a document in a bank's namespace validates against a schema of that namespace which
// includes this one. Order of children, the second spelling of a name and format-logic control are Decode's own.
func Schema(k Kind) []byte {
	data, err := schemas.ReadFile("schema/" + string(k) + ".xsd")
	if err != nil {
		return nil
	}
	return data
}

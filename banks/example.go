package banks

import _ "embed"

//go:embed example.yaml
var example string

// Example returns the commented example of a bank file: every key with its default and meaning. Its key and
// certificate files do not exist.
func Example() string { return example }

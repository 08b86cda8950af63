package standing

// Source is one file of a document in the content store.
type Source struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// Discarded is the body of "store.discarded": a segment of the content store is to be removed,
// because its documents are older than they must be kept. It is written before the segment goes.
type Discarded struct {
	Segment   string `json:"segment"` // name of the archive, "000001.tar"
	SHA256    string `json:"sha256"`  // of it
	Size      int64  `json:"size"`    // octets
	Index     string `json:"index"`   // SHA-256 of its index, which stays and says what lay there
	Documents int64  `json:"documents"`
	Carried   int64  `json:"carried"` // of them that are still needed and were stored once more before
	Before    string `json:"before"`  // time until which the others were last needed
	Reason    string `json:"reason"`
}

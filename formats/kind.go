// Package formats is what the bailiff service and the banks say to each other: orders, account queries, reports, answers,
// receipts and manifests as XML, their code lists, check digits and schemas.
//
// Decode reads strictly and tells every fault at once with path, line, code and a sentence in Russian and English; Encode
// writes only what Decode's form accepts. Money is integer kopecks. The package knows no signature, no archive, no bank's
// profile and no disk. It calls only its inner rooms: block (parts that documents share), check (digits), strictxml (form of
// XML) and invent (made-up persons and accounts for samples).
package formats

import (
	"bankconnector/formats/block"
)

// Kind is the kind of a document.
type Kind string

// The five kinds of documents.
const (
	KindOrder   Kind = "order"   // Restrictn, service to bank
	KindQuery   Kind = "query"   // ExtRequest, service to bank
	KindReport  Kind = "report"  // Report, bank to service
	KindAnswer  Kind = "answer"  // ExtResponse, bank to service
	KindReceipt Kind = "receipt" // DocumentStateReceipt, both ways
)

// vocabulary says for a kind the prefix of its file names, its root element and its empty document.
type vocabulary struct {
	kind         Kind
	prefix, root string
	blank        func() Document
}

func vocabularies() []vocabulary {
	return []vocabulary{
		{KindOrder, "piev", "Restrictn", func() Document { return new(Order) }},
		{KindQuery, "req", "ExtRequest", func() Document { return new(Query) }},
		{KindReport, "rep", "Report", func() Document { return new(Report) }},
		{KindAnswer, "res", "ExtResponse", func() Document { return new(Answer) }},
		{KindReceipt, "rcp", "DocumentStateReceipt", func() Document { return new(Receipt) }},
	}
}

// Prefix begins the file names of the kind: piev, req, rep, res, rcp; "" for an unknown kind.
func (k Kind) Prefix() string {
	for _, v := range vocabularies() {
		if v.kind == k {
			return v.prefix
		}
	}
	return ""
}

// KindByPrefix finds the kind whose file names begin with the prefix.
func KindByPrefix(p string) (Kind, bool) {
	for _, v := range vocabularies() {
		if v.prefix == p {
			return v.kind, true
		}
	}
	return "", false
}

// Document is one of *Order, *Query, *Report, *Answer, *Receipt.
type Document interface {
	Kind() Kind
	// Key is the author's key: InternalKey, ExternalKey or ReceiptId; "" when it was not readable. A bank's key is any
	// text of 1 to 60 characters: do not make a file name of it.
	Key() string
	shape(j *block.Judge) shape
}

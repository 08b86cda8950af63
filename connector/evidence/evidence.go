// Package evidence makes the journal prove itself to somebody who trusts neither the
// operator nor this program: signed checkpoints of its head, a verdict over a whole copy,
// one archive for one exchange, registers that both sides compare.
//
// It changes nothing in the journal and sends nothing. It may call journal, spool, banks,
// formats, envelope, cms, pki and durable.
package evidence

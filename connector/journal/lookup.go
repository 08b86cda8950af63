package journal

import "context"

// IncomingClaimed lists the files of a bank that were taken under one name of
// ours, oldest first: a file that was cut short is read under it several times.
func (b *Book) IncomingClaimed(ctx context.Context, bank, claimed string) ([]Incoming, error) {
	return rows(ctx, b, incomingFrom, `SELECT `+arrivalColumns+` FROM arrival WHERE bank = ? AND claimed = ? ORDER BY id`,
		bank, claimed)
}

// Matched counts the matched files of one kind that belong to an exchange,
// those of this commit included: the pages of an answer that have come.
func (t *Tx) Matched(exchange int64, kind string) (int, error) {
	row, err := t.one(`SELECT count(*) FROM arrival WHERE exchange = ? AND kind = ? AND outcome = 'matched'`, exchange, kind)
	if err != nil {
		return 0, err
	}
	return int(row.num(0)), nil
}

package standing

import (
	"context"

	"bankconnector/connector/journal/sqlite"
)

// Belonging lists what belongs to an exchange: our receipts for what came back, and the
// files that came.
func (t *Tables) Belonging(ctx context.Context, exchange int64) (receipts []Exchange, files []Incoming, err error) {
	receipts, err = Rows(ctx, t.readers, ReadExchange, `SELECT `+ExchangeColumns+` FROM exchange
		WHERE id <> ?1 AND (parent = ?1 OR incoming <> 0 AND incoming IN (SELECT id FROM arrival WHERE exchange = ?1)) ORDER BY id`, exchange)
	if err != nil {
		return nil, nil, err
	}
	files, err = Rows(ctx, t.readers, ReadIncoming, `SELECT `+IncomingColumns+` FROM arrival WHERE exchange = ? ORDER BY id`, exchange)
	return receipts, files, err
}

// Pending lists the exchanges and the files of banks that began before a time and have
// not come to their end, as far as limit: what flow still has something to do with.
func Pending(c *sqlite.Conn, before string, limit int64) (exchanges, files []int64, err error) {
	into := func(list *[]int64) func(sqlite.Fields) error {
		return func(f sqlite.Fields) error {
			*list = append(*list, f.Num(0))
			return nil
		}
	}
	// Nothing more is owed for an office document that is Answered, though more may come.
	err = c.Each(`SELECT id FROM exchange WHERE accepted_at < ? AND state NOT IN ('Closed', 'Refused', 'Rejected', 'Cancelled', 'Answered')
		ORDER BY id LIMIT ?`, into(&exchanges), before, limit)
	if err != nil {
		return nil, nil, err
	}
	err = c.Each(`SELECT id FROM arrival WHERE received_at < ? AND `+IncomingLeft+` ORDER BY id LIMIT ?`, into(&files), before, limit)
	return exchanges, files, err
}

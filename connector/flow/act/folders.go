package act

import (
	"context"
	"fmt"

	"bankconnector/banks"
	"bankconnector/connector/flow/ground"
	"bankconnector/connector/journal"
)

// Folders says that a bank's folders lie where the request says, and that this is right.
const Folders = ground.Act

// folders records where a bank's folders may lie; the next visit holds them against it.
func (d *Desk) folders(ctx context.Context, actor string, r Request) (out Outcome, err error) {
	out = Outcome{Bank: r.Bank}
	b, ok := d.Bank(banks.ID(r.Bank))
	if !ok {
		return out, refuse("bank %s is not in the configuration", "банка %s нет в конфигурации", r.Bank)
	}
	places := ground.Of(b, r.ToBank, r.FromBank)
	accepted, known, err := ground.Accepted(ctx, d.Book, b.BIC)
	if err != nil || known && accepted == places {
		return out, err
	}
	err = d.Book.Write(ctx, actor, func(tx *journal.Tx) error { return ground.Accept(tx, b.BIC, places, r.Reason) })
	if err != nil {
		return out, fmt.Errorf("record the act: %w", err)
	}
	out.Changed = true
	return out, nil
}

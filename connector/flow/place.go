package flow

import (
	"context"

	"bankconnector/banks"
	"bankconnector/connector/flow/fate"
)

// Enter waits for a place for a visit, which must Leave. A halt keeps visits from
// beginning; those under way end by themselves.
func (c *Courier) Enter(ctx context.Context, b *banks.Bank) error {
	if err := c.Hall.Enter(ctx, c.Halt, string(b.BIC)); err != nil {
		return &fate.Failure{Op: "visit", Bank: b.BIC, Kind: fate.Transient, Err: err}
	}
	return nil
}

// Leave gives a visit's place back.
func (c *Courier) Leave(b *banks.Bank) { c.Hall.Leave(string(b.BIC)) }

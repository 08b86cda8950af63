package flow

import (
	"context"
	"errors"

	"bankconnector/banks"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/flow/hall"
)

// Enter waits for a place for a visit, which must Leave. A halt keeps visits from
// beginning; those under way end by themselves.
func (c *Courier) Enter(ctx context.Context, b *banks.Bank) error {
	err := c.Hall.Enter(ctx, c.Halt, string(b.BIC))
	if errors.Is(err, hall.ErrHalted) {
		err = ErrHalted
	}
	if err != nil {
		err = &fate.Failure{Op: "visit", Bank: b.BIC, Kind: fate.Transient, Err: err}
	}
	return err
}

// Leave gives a visit's place back.
func (c *Courier) Leave(b *banks.Bank) { c.Hall.Leave(string(b.BIC)) }

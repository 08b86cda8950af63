package intake

import (
	"context"

	"bankconnector/banks"
	"bankconnector/connector/flow/fate"
)

// How many files of the office are a portion. The first one is small: a hundred banks begin at once. What is taken in
// for longer than the largest one keeps a bank waiting that has answered.
const (
	firstPortion = 64
	mostPortion  = 256
)

// Feed takes in what the office left for one bank, portion by portion, before and beside the
// rest of a visit. It serves one goroutine.
type Feed struct {
	intake  *Intake
	bank    *banks.Bank
	portion int
	more    bool
	coming  chan error // the portion that is taken in meanwhile; nil: none is
	faults  []error
}

// Feed begins with nothing taken in. Without an intake nothing ever is.
func (k *Intake) Feed(b *banks.Bank) *Feed { return &Feed{intake: k, bank: b} }

// More tells that the office has left more than was taken in. What is taken in meanwhile is not yet counted.
func (f *Feed) More() bool { return f.coming != nil || f.more }

// Next takes in a portion.
func (f *Feed) Next(ctx context.Context) (err error) {
	defer fate.Recover("accept", &err)
	if f.intake == nil {
		return nil
	}
	f.portion = min(mostPortion, max(firstPortion, 2*f.portion))
	more, faults, err := f.intake.Accept(ctx, f.bank, f.portion)
	f.more, f.faults = more && !fate.Closed(f.intake.Halt), append(f.faults, faults...)
	return err
}

// While takes in a portion, and further ones as long as there are some and more says so; nil always does.
func (f *Feed) While(ctx context.Context, more func() bool) error {
	err := f.Next(ctx)
	for err == nil && f.more && (more == nil || more()) {
		err = f.Next(ctx)
	}
	return err
}

// Begin takes in a portion beside other work, where there is more and none is under way. For a bank with a limit of one
// nothing goes side by side.
func (f *Feed) Begin(ctx context.Context) {
	if f.coming != nil || !f.more || f.bank.Limits.Parallel <= 1 {
		return
	}
	done := make(chan error, 1)
	f.coming = done
	go func() { done <- f.Next(ctx) }()
}

// Wait waits for the portion that Begin began. Where there is none it takes in the next one.
func (f *Feed) Wait(ctx context.Context) error {
	if f.coming == nil {
		return f.Next(ctx)
	}
	err := <-f.coming
	f.coming = nil
	return err
}

// Glance gives the error of the portion that Begin began, if that is over.
func (f *Feed) Glance() error {
	select {
	case err := <-f.coming:
		f.coming = nil
		return err
	default:
		return nil
	}
}

// Faults waits for the portion under way, and gives the failures of single documents and of a portion that nobody asked
// for any more.
func (f *Feed) Faults(ctx context.Context) []error {
	if f.coming != nil {
		if err := f.Wait(ctx); err != nil {
			f.faults = append(f.faults, err)
		}
	}
	return f.faults
}

package entry

import (
	"context"
	"time"
)

// graceTime is how long a step that is under way may take to end after the first signal.
const graceTime = 30 * time.Second

// Grace returns a context that outlives ctx by the grace time.
func Grace(ctx context.Context) (context.Context, context.CancelFunc) {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		t := time.NewTimer(graceTime)
		defer t.Stop()
		select {
		case <-t.C:
			stop()
		case <-work.Done():
		}
	})
	return work, stop
}

package standing

import (
	"context"

	"bankconnector/connector/journal/sqlite"
)

// Route is what makes a bank's mailbox that bank's, as the configuration last said it.
type Route struct {
	BIC    string
	Route  string
	Listed bool  // the bank is in the configuration
	Since  int64 // number of the event that made it so
}

// Routes lists the routes of all banks that ever were in the configuration.
func Routes(ctx context.Context, r *sqlite.Readers) ([]Route, error) {
	return Rows(ctx, r, func(f sqlite.Fields) (Route, error) {
		return Route{f.Str(0), f.Str(1), f.Num(2) == 1, f.Num(3)}, nil
	}, `SELECT bic, route, listed, since FROM route ORDER BY bic`)
}

package standing

import (
	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/state"
)

// Stand is what the rules of a move ask about an exchange. The row is three times as wide,
// and every move reads it.
type Stand struct {
	Bank       string
	Kind       string
	State      state.State
	Stream     string
	Seq        int64
	Previous   string
	FileName   string
	FileSHA256 string
	FileSize   int64
	TempName   string
	Sealed     bool // it was, once: what was sealed stays as it is
}

// StandOf asks for the stand of the exchange of an id.
const StandOf = `SELECT bank, kind, state, stream, seq, previous, file_name, file_sha256, file_size, temp_name,
	sealed_at IS NOT NULL FROM exchange WHERE id = ?`

// ReadStand takes a row of StandOf.
func ReadStand(f sqlite.Fields) (Stand, error) {
	return Stand{
		Bank: f.Str(0), Kind: f.Str(1), State: state.State(f.Str(2)), Stream: f.Str(3), Seq: f.Num(4), Previous: f.Str(5),
		FileName: f.Str(6), FileSHA256: f.Str(7), FileSize: f.Num(8), TempName: f.Str(9), Sealed: f.Num(10) != 0,
	}, nil
}

// Arrived is what the rules ask about a file of a bank.
type Arrived struct {
	Bank       string
	Outcome    string // "" until settled
	ExchangeID int64
	Handed     bool
	Cleaned    bool
}

// ArrivedOf asks for the file of an id.
const ArrivedOf = `SELECT bank, outcome, exchange, handed_at IS NOT NULL, cleaned_at IS NOT NULL FROM arrival WHERE id = ?`

// ReadArrived takes a row of ArrivedOf.
func ReadArrived(f sqlite.Fields) (Arrived, error) {
	return Arrived{Bank: f.Str(0), Outcome: f.Str(1), ExchangeID: f.Num(2), Handed: f.Num(3) != 0, Cleaned: f.Num(4) != 0}, nil
}

package practice

import (
	"path/filepath"

	"bankconnector/banks"
	"bankconnector/banks/rehearsal"
)

// Compared is what the banks' own ledgers say about the documents submitted.
type Compared struct {
	Lost        int // no bank got it
	Duplicated  int // arrivals beyond the first
	Misdirected int // arrivals at a bank that is not the addressee
}

// Compare holds what was submitted (key to addressee) against what each bank under dir
// says it got.
func Compare(dir string, list []*banks.Bank, submitted map[string]string) (Compared, error) {
	var c Compared
	arrived := make(map[string]int)
	for _, b := range list {
		ledger, err := rehearsal.ReadLedger(filepath.Join(dir, "banks", string(b.BIC), "received.jsonl"))
		if err != nil {
			return c, err
		}
		for _, line := range ledger {
			if submitted[line.InternalKey] != string(b.BIC) {
				c.Misdirected++
				continue
			}
			if arrived[line.InternalKey]++; arrived[line.InternalKey] > 1 {
				c.Duplicated++
			}
		}
	}
	for key := range submitted {
		if arrived[key] == 0 {
			c.Lost++
		}
	}
	return c, nil
}

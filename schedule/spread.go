package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Spread returns the pause by which a bank begins after its slot, from 0 to below within: always the same for one
// name, and evenly spread over many, so that a hundred equal timetables do not dial at once.
func Spread(bank string, within time.Duration) time.Duration {
	if within <= 0 {
		return 0
	}
	sum := sha256.Sum256([]byte(bank))
	return time.Duration(binary.BigEndian.Uint64(sum[:8])>>1) % within
}

package rule

// Glance is what is known of a file at the bank before it is fetched.
type Glance struct {
	Claimed    bool // it lies under a name of ours, or was left and is known by its observation
	Taken      bool // an earlier visit has recorded bytes under this name of ours
	Incomplete bool // and they ended too early
	Grown      bool // its size is another one than then
	OutOfTime  bool // and its time to become whole is over
}

// Fetch decides whether a file at the bank is fetched. One that was cut short is looked
// at again when its size changed, and once more when its time is over; one that stays in
// its place is taken once.
func (g Glance) Fetch(pickup string) bool {
	switch {
	case !g.Claimed || !g.Taken:
		return true
	case g.Incomplete:
		return g.Grown || g.OutOfTime
	default:
		return pickup != Leave
	}
}

// Claims tells whether a file must be renamed to a name of ours before it is read. A name
// that the bank can write is never deleted: the bank may have put a new reply there.
func (g Glance) Claims(pickup string) bool { return pickup != Leave && !g.Claimed }

// Discards tells whether a file may be removed at the bank: only one that lies under a
// name of ours, and only when its bytes are in the journal.
func Discards(pickup string, claimed, recorded bool) bool {
	return pickup != Leave && claimed && recorded
}

// AnswersAgain tells whether bytes that were taken before are a repeat of the bank, which
// then missed our receipt, and not our own interrupted visit.
func AnswersAgain(cleaned, sameName bool) bool { return cleaned || !sameName }

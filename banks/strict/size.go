package strict

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of octets. In a file it carries a binary unit: 512KiB, 16MiB, 1GiB.
type Size int64

// UnmarshalText reads a size with its unit; a bare number is refused, as is one with a sign or a leading zero.
func (s *Size) UnmarshalText(text []byte) error {
	units := []struct {
		name  string
		shift uint
	}{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}}
	for _, unit := range units {
		digits, found := strings.CutSuffix(string(text), unit.name)
		if !found {
			continue
		}
		n, err := decimal(strings.TrimRight(digits, " "))
		if err != nil || n < 0 || n > math.MaxInt64>>unit.shift {
			return errors.New("not a size; write a whole number and a unit, as in 16MiB")
		}
		*s = Size(n << unit.shift)
		return nil
	}
	return errors.New("a size needs a unit: KiB, MiB or GiB, as in 16MiB")
}

// MarshalText writes the size as UnmarshalText reads it; a size that is no whole number of KiB cannot be written.
func (s Size) MarshalText() ([]byte, error) {
	if s < 0 || s%(1<<10) != 0 {
		return nil, fmt.Errorf("write size: %s is no whole number of KiB", s)
	}
	return []byte(s.String()), nil
}

// String writes the size with the largest unit that divides it.
func (s Size) String() string {
	switch {
	case s != 0 && s%(1<<30) == 0:
		return strconv.FormatInt(int64(s>>30), 10) + "GiB"
	case s != 0 && s%(1<<20) == 0:
		return strconv.FormatInt(int64(s>>20), 10) + "MiB"
	case s%(1<<10) == 0:
		return strconv.FormatInt(int64(s>>10), 10) + "KiB"
	}
	return strconv.FormatInt(int64(s), 10) + " octets"
}

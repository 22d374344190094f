// Package bytesize has the text of sizes: bytes, or a number with KiB, MiB or GiB.
package bytesize

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Err is returned for a text that is not a size.
var Err = errors.New("not a size")

// units of a size, largest first, so that Format finds the shortest form.
func units() []struct {
	name string
	size uint64
} {
	return []struct {
		name string
		size uint64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}
}

// Parse reads a size of less than 1<<63 bytes. A number with a unit may have a
// fraction that makes whole bytes. Exponents and signs are refused with Err.
func Parse(text string) (uint64, error) {
	unit := uint64(1)
	number := text
	for _, u := range units() {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			number, unit = strings.TrimRight(rest, " "), u.size
			break
		}
	}
	if n, err := strconv.ParseUint(number, 10, 63); err == nil {
		if n > math.MaxInt64/unit {
			return 0, Err
		}
		return n * unit, nil
	}
	if strings.Trim(number, "0123456789.") != "" {
		return 0, Err // no exponents, signs, Inf or NaN
	}
	exact, ok := new(big.Rat).SetString(number) // a float has no room for the halves of large sizes
	if !ok {
		return 0, Err
	}
	exact.Mul(exact, new(big.Rat).SetUint64(unit))
	if !exact.IsInt() || !exact.Num().IsInt64() {
		return 0, Err
	}
	return exact.Num().Uint64(), nil
}

// Format is the shortest text that Parse reads as n: whole or half units, or bytes.
func Format(n uint64) string {
	for _, u := range units() {
		half := u.size / 2
		if n < u.size || n == 0 || half == 0 || n%half != 0 {
			continue
		}
		if n%u.size == 0 {
			return strconv.FormatUint(n/u.size, 10) + u.name
		}
		return strconv.FormatUint(n/u.size, 10) + ".5" + u.name
	}
	return strconv.FormatUint(n, 10)
}

// About is a size for people: with one digit after the point, and not for Parse.
func About(n uint64) string {
	for _, u := range units() {
		if n >= u.size && u.size > 1 {
			return strconv.FormatFloat(float64(n)/float64(u.size), 'f', 1, 64) + " " + u.name
		}
	}
	return strconv.FormatUint(n, 10) + " B"
}

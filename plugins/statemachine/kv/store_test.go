package kv

import (
	"bytes"
	"strings"
	"testing"
)

// The first bytes of a key stand in its slot; where keys agree in them, or are shorter, the order is still that of the
// bytes.
func TestSlotsAreInTheOrderOfTheirKeys(t *testing.T) {
	long := strings.Repeat("p", headBytes)
	keys := []string{
		"", "\x00", "\x00\x00", strings.Repeat("\x00", headBytes), strings.Repeat("\x00", headBytes+1),
		"a", "a\x00", "a\x00b", "ab", "abcdefgh", "abcdefgh\x00", "abcdefghi", "abcdefgi",
		long[1:], long, long + "\x00", long + "a", long + "b", long[1:] + "q", "\xff", strings.Repeat("\xff", headBytes+1),
	}
	for _, a := range keys {
		for _, b := range keys {
			want := bytes.Compare([]byte(a), []byte(b)) < 0
			if got := before(wanted([]byte(a)), wanted([]byte(b))); got != want {
				t.Errorf("before(%q, %q) = %t", a, b, got)
			}
		}
	}
}

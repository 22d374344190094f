package bytesize

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]uint64{
		"0": 0, "17": 17, "4KiB": 4096, "4 KiB": 4096, "1.5MiB": 3 << 19, "2GiB": 2 << 30, "8B": 8,
		"4503599627370496.5KiB": 1<<62 + 512,
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%q is %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "1.5", "1KB", "1e3", "KiB", "0x10", "NaNMiB", "InfGiB", "1_000", "9223372036854775807KiB", "1.7.1MiB"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

// A size that is written reads back the same.
func TestSizesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(0, 1<<62).Draw(t, "n") << rapid.IntRange(0, 20).Draw(t, "shift") >> 1
		text := Format(n)
		if got, err := Parse(text); err != nil || got != n {
			t.Fatalf("%d as %q is %d: %v", n, text, got, err)
		}
	})
}

func TestAboutIsForPeople(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 5<<20 + 1<<19: "5.5 MiB", math.MaxUint64: "17179869184.0 GiB"} {
		if got := About(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

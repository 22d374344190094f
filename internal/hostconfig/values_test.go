package hostconfig

import (
	"testing"

	"pgregory.net/rapid"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]uint64{
		"0": 0, "17": 17, "4KiB": 4096, "4 KiB": 4096, "1.5MiB": 3 << 19, "2GiB": 2 << 30, "8B": 8,
		"4503599627370496.5KiB": 1<<62 + 512,
	} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%q is %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "1.5", "1KB", "1e3", "KiB", "0x10", "NaNMiB", "InfGiB", "1_000", "9223372036854775807KiB", "1.7.1MiB"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

// The output of show reads back the same.
func TestSizesAndIDsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(0, 1<<62).Draw(t, "n") << rapid.IntRange(0, 20).Draw(t, "shift") >> 1
		bytes, id := n, n
		text := size(&bytes).String()
		if got, err := parseSize(text); err != nil || got != n {
			t.Fatalf("%d as %q is %d: %v", n, text, got, err)
		}
		if got, err := parseID(formatID(id)); err != nil || got != id {
			t.Fatalf("%d is %d: %v", id, got, err)
		}
	})
}

// An id is hex wherever it is written, so that the file, the tables and JSON
// all show one text.
func TestIDsAreHexWithAndWithoutQuotes(t *testing.T) {
	for text, want := range map[string]uint64{"10": 16, "0x10": 16, "A1": 161, "1e3": 0x1e3} {
		if got, err := parseID(text); err != nil || got != want {
			t.Errorf("%s is %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"n1", "-1", "1.5", "10000000000000000", "0x", "1_0"} {
		if got, err := parseID(text); err == nil {
			t.Errorf("%s is %d", text, got)
		}
	}
}

func TestSuggestions(t *testing.T) {
	candidates := []string{"config", "command", "env", "isolation", "name", "sha256"}
	for name, want := range map[string]string{
		"isolatoin": "isolation", "comand": "command", "NAME": "name", "evn": "env", "fsync_mz": "", "x": "",
	} {
		if got := suggest(name, candidates); got != want {
			t.Errorf("%s suggests %q, want %q", name, got, want)
		}
	}
}

package hostconfig

import (
	"testing"

	"pgregory.net/rapid"
)

// The output of show reads back the same.
func TestIDsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.Uint64().Draw(t, "id")
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

package shortdir

import (
	"strings"
	"testing"
)

// A directory for temporary files is used if its path is short enough for sockets.
func TestParent(t *testing.T) {
	short := "/" + strings.Repeat("t", longest-1)
	for set, want := range map[string]string{short: short, short + "t": "/tmp"} {
		t.Setenv("TMPDIR", set)
		if got := Parent(); got != want {
			t.Errorf("with TMPDIR=%s: %s, want %s", set, got, want)
		}
	}
}

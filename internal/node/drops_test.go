package node

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// The log says at once that something was dropped, and then not more often than
// every ten elections, with what has gathered.
func TestDropsAreLoggedAtLeisure(t *testing.T) {
	n := follower(t)
	var log bytes.Buffer
	n.logger = slog.New(slog.NewTextHandler(&log, nil))
	pass := func(ticks int) (lines string) {
		log.Reset()
		for range ticks {
			n.drops.add(1)
			n.drops.tick(n)
		}
		return log.String()
	}
	if got := pass(1); !strings.Contains(got, "messages=1") {
		t.Errorf("the first drop is logged as %q", got)
	}
	pause := dropPause * n.core.cfg.ElectionTicks
	if got := pass(pause - 1); got != "" {
		t.Errorf("too soon after that the log says %q", got)
	}
	if got := pass(1); strings.Count(got, "\n") != 1 || !strings.Contains(got, "messages=100") {
		t.Errorf("after the pause the log says %q", got)
	}
}

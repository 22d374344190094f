package reach

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Senders that the host has not named fill no log, however many numbers they use.
func TestCallersDoNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, out := newLog()
		count := func() int { return strings.Count(out.String(), `level=INFO msg="an unknown member called"`) }
		for range 2 {
			for id := range uint64(1000) {
				l.Learned(id, "an unknown member called", "http://x")
			}
		}
		if n := count(); n != maxStrangers {
			t.Errorf("%d lines", n)
		}
		<-time.After(quiet)
		l.Learned(2000, "an unknown member called", "")
		if n := count(); n != maxStrangers+1 || !strings.Contains(out.String(), "peer=7d0") {
			t.Errorf("%d lines after a while", n)
		}
	})
}

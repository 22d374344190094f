package api

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A line about one reason has the count of that reason, however often there is
// another one meanwhile.
func TestASparingLogCountsByReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		said := newSparing(slog.New(slog.NewTextHandler(&log, nil)))
		for range 5 {
			said.warn(matter{"cut off", "pace"})
		}
		said.warn(matter{"cut off", "unread"})
		<-time.After(sayEvery)
		said.warn(matter{"cut off", "unread"})
		said.warn(matter{"cut off", "pace"})
		for _, line := range []string{"reason=pace times=1\n", "reason=unread times=1\n", "reason=pace times=5\n"} {
			if !strings.Contains(log.String(), line) {
				t.Errorf("no line with %q in\n%s", line, &log)
			}
		}
		if got := strings.Count(log.String(), "\n"); got != 4 {
			t.Errorf("%d lines, want 4:\n%s", got, &log)
		}
	})
}

// A client that asks before the classes are known costs no memory for each refusal.
func TestARefusalForUnknownClassesIsOneValue(t *testing.T) {
	d := &demands{}
	var first error
	if n := testing.AllocsPerRun(100, func() { first = d.judge(nil, false, "a command") }); n != 0 {
		t.Errorf("a refusal allocates %v times", n)
	}
	if first == nil || first != d.judge(nil, false, "a command") {
		t.Errorf("got %v", first)
	}
}

package transportrpc

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// The log says at once that something did not fit the queue to the host, and
// then at most every ten seconds, with what has gathered.
func TestLossesAreLoggedAtLeisure(t *testing.T) {
	var log bytes.Buffer
	l := losses{logger: slog.New(slog.NewTextHandler(&log, nil))}
	start := time.Unix(1000, 0)
	for _, step := range []struct {
		lost uint64
		at   time.Duration
		want string
	}{
		{0, 0, ""},
		{3, time.Second, "count=3"},
		{5, 2 * time.Second, ""},
		{9, 10 * time.Second, ""},
		{9, 11 * time.Second, "count=6 since_start=9"},
		{9, time.Minute, ""},
	} {
		log.Reset()
		l.tell(step.lost, start.Add(step.at))
		if got := log.String(); !strings.Contains(got, step.want) || (got == "") != (step.want == "") {
			t.Errorf("%d lost after %v: logged %q, want %q", step.lost, step.at, got, step.want)
		}
	}
}

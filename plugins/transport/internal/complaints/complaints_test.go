package complaints

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A failure that comes a thousand times in two minutes has three lines, which
// say how many there were, and one when it is over.
func TestOneLineForEachPeerInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := New(slog.New(slog.NewTextHandler(&out, nil)))
		for range 1210 {
			l.Failed(2, "snapshot refused", errors.New("too large"))
			<-time.After(100 * time.Millisecond)
		}
		if n := strings.Count(out.String(), "level=WARN"); n != 3 || !strings.Contains(out.String(), "more_since_last_line=599") {
			t.Errorf("%d lines:\n%s", n, &out)
		}
		l.Succeeded(2, "snapshot refused")
		l.Succeeded(2, "snapshot refused")
		if n := strings.Count(out.String(), "level=INFO"); n != 1 {
			t.Errorf("it is over %d times:\n%s", n, &out)
		}
	})
}

// Senders under ever new names have few lines.
func TestNewNamesDoNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := New(slog.New(slog.NewTextHandler(&out, nil)))
		for id := range uint64(5000) {
			l.Failed(id, "snapshot refused", errors.New("too large"))
		}
		if n := strings.Count(out.String(), "\n"); n != most || l.book.Len() != most {
			t.Errorf("%d lines, %d are remembered", n, l.book.Len())
		}
	})
}

// A failure that may come back at any time is over when it has not come back for a
// while, and the last line says how long it went on and how often nothing was said.
func TestALastWordWhenItHasSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := New(slog.New(slog.NewTextHandler(&out, nil)))
		l.Settle(2, "down") // nothing was
		for range 4 {
			l.Failed(2, "down", errors.New("end of file"))
			<-time.After(Quiet / 10)
			l.Settle(2, "down")
		}
		if strings.Contains(out.String(), "over") {
			t.Errorf("it is over while it goes on:\n%s", &out)
		}
		<-time.After(Quiet)
		l.Settle(2, "down")
		l.Settle(2, "down")
		if got := strings.Count(out.String(), "over: down"); got != 1 || !strings.Contains(out.String(), "after=18s more_since_last_line=3") {
			t.Errorf("it is over %d times:\n%s", got, &out)
		}
	})
}

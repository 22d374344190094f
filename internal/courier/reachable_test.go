package courier

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// A peer whose connections come and go is said to be reached once a minute by each
// transport, and callers under ever new names fill neither memory nor log.
func TestConnectionsThatComeAndGoAreSaidOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReachable()
		due := func(peer member.ID, by string) bool {
			_, due := r.Note(passage{peer, by}, time.Now())
			return due
		}
		lines := 0
		for range 1500 { // two and a half minutes
			for _, by := range []string{"http", "quic"} {
				if due(2, by) {
					lines++
				}
			}
			<-time.After(100 * time.Millisecond)
		}
		if lines != 6 {
			t.Errorf("%d lines, want 3 for each transport", lines)
		}
		lines = 0
		for id := range member.ID(10 * mostReachable) {
			if due(1000+id, "http") {
				lines++
			}
		}
		if lines > mostReachable || r.Len() > mostReachable {
			t.Errorf("callers under new names have %d lines, and %d are remembered", lines, r.Len())
		}
	})
}

package node

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// Two peers that send what is refused do not fill the log.
func TestRefusalsOfTwoPeersAreLoggedOnceEach(t *testing.T) {
	n := follower(t)
	var log bytes.Buffer
	n.logger = slog.New(slog.NewTextHandler(&log, nil))
	for i := range 200 {
		n.refuse(member.ID(2+i%2), errors.New("entry 7 is too large"))
	}
	if lines := bytes.Count(log.Bytes(), []byte("\n")); lines > 4 {
		t.Errorf("%d lines for two peers and one reason", lines)
	}
}

// A peer whose every message is refused for a reason with other numbers does not
// fill the log either.
func TestRefusalsWithNumbersAreLoggedOnce(t *testing.T) {
	n := follower(t)
	var log bytes.Buffer
	n.logger = slog.New(slog.NewTextHandler(&log, nil))
	for i := range 200 {
		n.refuse(2, fmt.Errorf("entry %d has 40000000 bytes, limit 33558528", i))
	}
	if lines := bytes.Count(log.Bytes(), []byte("\n")); lines > 4 {
		t.Errorf("%d lines for one peer and one kind of reason", lines)
	}
}

// When nothing of a peer is refused any more, one line says so, with how many
// there were.
func TestTheEndOfRefusalsIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := follower(t)
		var log bytes.Buffer
		n.logger = slog.New(slog.NewTextHandler(&log, nil))
		for range 200 {
			n.refuse(2, errors.New("entry 7 is too large"))
			n.tellResolved()
		}
		if bytes.Contains(log.Bytes(), []byte("no longer")) {
			t.Errorf("said too early:\n%s", &log)
		}
		<-time.After(refusalPause)
		n.tellResolved()
		n.tellResolved()
		if got := bytes.Count(log.Bytes(), []byte("refused no longer\" from=2 more_since_last_line=199")); got != 1 {
			t.Errorf("%d lines say that it is over:\n%s", got, &log)
		}
	})
}

// Senders under ever new names have few lines, and no other sender is forgotten for them.
func TestRefusalsUnderNewNamesDoNotFillTheLog(t *testing.T) {
	n := follower(t)
	var log bytes.Buffer
	n.logger = slog.New(slog.NewTextHandler(&log, nil))
	for id := range 5000 {
		n.refuse(member.ID(2+id), errors.New("entry 7 is too large"))
	}
	if lines := bytes.Count(log.Bytes(), []byte("\n")); lines != maxRefused {
		t.Errorf("%d lines for 5000 names", lines)
	}
}

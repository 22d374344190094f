package node

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/pontoon-raft/pontoon/core/member"
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

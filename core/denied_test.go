package core

import (
	"testing"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Callers that accuse in the names of members which have connections do not put a
// member out of service: the connections say otherwise. Without them the same words
// count.
func TestConnectionsDenyAccusations(t *testing.T) {
	i := foundedMember(t, 3, 0)
	there := true
	i.connected = func(member.ID) bool { return there }
	accuse := func() {
		i.mismatch(accusation(2, 0xb))
		i.mismatch(accusation(3, 0xb))
	}
	for id := member.ID(2); id <= 3; id++ {
		i.greeted(id, transport.Greeting{Store: ownStore + uint64(id-1), Number: 0x77})
	}
	accuse()
	if i.last.bar || i.last.err != nil {
		t.Errorf("both members have a connection with it, and it does not serve: %v", i.last.err)
	}
	there = false
	accuse()
	if !i.last.bar {
		t.Error("both members say that it lost its store, and it votes")
	}
}

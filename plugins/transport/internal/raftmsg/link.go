package raftmsg

import (
	"errors"
	"fmt"
)

// ErrLocalType: raft's messages to itself have no business on a network.
// Link.Check returns it.
var ErrLocalType = errors.New("message type is not one for the network")

// Local tells the types that raft sends to itself, and those that it does not
// have.
func Local(kind uint64) bool {
	const (
		hup, beat, checkQuorum = 0, 1, 12
		unreachable, status    = 10, 11
		firstOfStorage         = 19 // and all above
	)
	switch kind {
	case hup, beat, checkQuorum, unreachable, status:
		return true
	}
	return kind >= firstOfStorage
}

// A Link names the two ends of a connection as its receiver sees them.
type Link struct{ From, To uint64 }

// Check refuses a message that is not from the link's sender to its receiver,
// or not for a network.
// A forwarded MsgTransferLeader is the one message whose sender field names
// another member: the one that shall lead.
func (l Link) Check(s *Shape) error {
	if Local(s.Kind) {
		return fmt.Errorf("%w: type %d from %x", ErrLocalType, s.Kind, l.From)
	}
	if s.To != l.To || (s.From != l.From && s.Kind != TypeTransferLeader) {
		return fmt.Errorf("%w: %x to %x instead of %x to %x", ErrUnexpectedPeer, s.From, s.To, l.From, l.To)
	}
	return nil
}

package raftmsg

import "fmt"

// A Link names the two ends of a connection as its receiver sees them.
type Link struct{ From, To uint64 }

// Check refuses a message that is not from the link's sender to its receiver.
// A forwarded MsgTransferLeader is the one message whose sender field names
// somebody else: the member that shall lead.
func (l Link) Check(s *Shape) error {
	if s.To != l.To || (s.From != l.From && s.Kind != TypeTransferLeader) {
		return fmt.Errorf("%w: %x to %x instead of %x to %x", ErrUnexpectedPeer, s.From, s.To, l.From, l.To)
	}
	return nil
}

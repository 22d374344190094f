package node

import (
	"errors"
	"fmt"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// firstOwnVersion is the lowest first byte of entries that hosts write for themselves. A
// build keeps one that it does not know in its log, and ends when it is to take effect.
const firstOwnVersion = 0xF0

// isOwn tells whether a host wrote a normal entry for itself.
func isOwn(data []byte) bool { return len(data) > 0 && data[0] >= firstOwnVersion }

// decodeOwn reads the JSON of an entry that a host wrote for itself.
func decodeOwn(data []byte, limit int, what string, into any) error {
	if len(data) > limit {
		return fmt.Errorf("%s of %d bytes, limit %d", what, len(data), limit)
	}
	if err := member.Decode(data[1:], into); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// writeOwn proposes an entry that the host writes for itself, and returns its index; 0 if
// raft does not take it.
func (c *Core) writeOwn(data []byte) uint64 {
	index := c.lastIndex() + 1
	err := c.took(uint64(len(data)), c.raft.Step(&pb.Message{
		Type: pb.MsgProp.Enum(), From: new(uint64(c.cfg.ID)), Entries: []*pb.Entry{{Data: data}},
	}))
	if err != nil {
		return 0
	}
	return index
}

// applyOwn takes a committed entry that a host wrote for itself. It tells whether
// this build understands it.
func (c *Core) applyOwn(e *pb.Entry) bool {
	next, err := applyOwn(c.registry, e.GetData())
	if err != nil && !errors.Is(err, member.ErrNewer) {
		panic(fmt.Sprintf("entry %d: %v", e.GetIndex(), err)) // checked when it came in
	}
	c.registry = next
	c.registrar.due = true
	c.out.StateChanged = true
	return c.understands(e.GetIndex(), err)
}

// applyOwn returns the registry after an entry that a host wrote for itself.
func applyOwn(r *member.Registry, data []byte) (*member.Registry, error) {
	switch {
	case isRegistration(data):
		g, err := decodeRegistration(data)
		if err != nil {
			return r, err
		}
		return r.Register(g), nil
	case isRaise(data):
		raise, err := decodeRaise(data)
		if err != nil {
			return r, err
		}
		return r.Raise(raise.Level), nil
	case isSwitch(data):
		s, err := decodeSwitch(data)
		if err != nil {
			return r, err
		}
		return r.Switch(s), nil
	case isCheck(data):
		_, err := decodeCheck(data)
		return r, err
	default:
		return r, fmt.Errorf("entry of kind %#x: %w", data[0], member.ErrNewer)
	}
}

// checkOwn checks what can be known of a host's own entry before it is committed. An
// entry that this build does not understand may stand in the log: it ends the node
// when it is to take effect.
func checkOwn(data []byte) error {
	_, err := applyOwn(&member.Registry{}, data)
	if errors.Is(err, member.ErrNewer) {
		return nil
	}
	return err
}

package node

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// A RequestID names a request across the cluster: the node that took it and a
// number that is unique in the life of that node's process. It travels in the
// entry, so that the node that took the request recognises its entry.
type RequestID struct {
	Origin member.ID
	Number uint64
}

// The header of an entry's data (docs/formats/entry.md), numbers in big endian, then
// the client's data. Both versions end with origin and number.
const (
	// plainVersion has nothing before them. It is that of clusters below
	// member.StampLevel.
	plainVersion  = 1
	plainOverhead = 1 + 8 + 8
	// stampedVersion has flags and a stamp before them.
	stampedVersion = 2
	// lastVersion is the last one that newer builds may use. No build writes another first
	// byte below firstOwnVersion.
	lastVersion = 15
	// CommandOverhead is the size of the largest header that the host adds to a
	// client's data.
	CommandOverhead = 1 + 1 + 8 + 8 + 8
	stampAt         = 2
	idAt            = CommandOverhead - 16
	// readContextSize is the size of the context of a ReadIndex: the node, its
	// boot and a counter, 8 bytes each. A context is never used twice, so a
	// late answer is never taken for that of another read.
	readContextSize = 24
)

// header is what the host puts before a client's data.
type header struct {
	id RequestID
	// stamp is the clock of the leader that appended the entry, in milliseconds since
	// 1970; 0 in an entry without one.
	stamp uint64
	// tick: the entry is there for its stamp alone, and has no payload.
	tick bool
}

// tickFlag is the flag of a tick in a stamped header.
const tickFlag = 1

// encodeTick returns a tick's data. No request waits for it: no member has its origin.
func encodeTick() []byte {
	b := withHeader(encodeCommand(RequestID{}, nil), true)
	b[1] = tickFlag
	return b
}

// encodeCommand returns room for a header of either version with data after it. Origin
// and number are in it; withHeader puts the rest.
func encodeCommand(id RequestID, data []byte) []byte {
	b := make([]byte, CommandOverhead+len(data))
	binary.BigEndian.PutUint64(b[idAt:], uint64(id.Origin))
	binary.BigEndian.PutUint64(b[idAt+8:], id.Number)
	copy(b[CommandOverhead:], data)
	return b
}

// withHeader completes what encodeCommand has made, with no stamp, and returns the
// entry's data: all of it or, of a plain header, its end. It is called again if the
// proposal is handed in again, and not once the data are in the log.
func withHeader(b []byte, stamped bool) []byte {
	if !stamped {
		plain := b[CommandOverhead-plainOverhead:]
		plain[0] = plainVersion
		return plain
	}
	clear(b[:idAt])
	b[0] = stampedVersion
	return b
}

// decodeCommand splits an entry's data; the payload aliases it. A version or a flag of
// a newer build is member.ErrNewer.
func decodeCommand(b []byte) (h header, payload []byte, err error) {
	size := CommandOverhead
	switch {
	case len(b) == 0 || b[0] == 0:
		return header{}, nil, errors.New("command without a version")
	case b[0] == plainVersion:
		size = plainOverhead
	case b[0] > lastVersion:
		return header{}, nil, fmt.Errorf("command of version %d, this host knows %d", b[0], stampedVersion)
	case b[0] != stampedVersion:
		return header{}, nil, fmt.Errorf("command of version %d, this host knows %d: %w", b[0], stampedVersion, member.ErrNewer)
	}
	if len(b) < size {
		return header{}, nil, fmt.Errorf("command of %d bytes is shorter than its header", len(b))
	}
	if b[0] == stampedVersion {
		if b[1]&^tickFlag != 0 {
			return header{}, nil, fmt.Errorf("command with flags %#x: %w", b[1], member.ErrNewer)
		}
		if h.stamp = binary.BigEndian.Uint64(b[stampAt:]); h.stamp > MaxTime {
			return header{}, nil, fmt.Errorf("command with stamp %d, at most %d", h.stamp, uint64(MaxTime))
		}
	}
	h.tick = b[0] == stampedVersion && b[1] == tickFlag
	if h.tick && len(b) > size {
		return header{}, nil, fmt.Errorf("tick with %d bytes", len(b)-size)
	}
	h.id = RequestID{Origin: member.ID(binary.BigEndian.Uint64(b[size-16:])), Number: binary.BigEndian.Uint64(b[size-8:])}
	return h, b[size:], nil
}

// isStamped tells whether an entry has room for a stamp.
func isStamped(data []byte) bool { return len(data) >= CommandOverhead && data[0] == stampedVersion }

// putStamp puts a stamp into an entry that isStamped.
func putStamp(data []byte, stamp uint64) { binary.BigEndian.PutUint64(data[stampAt:], stamp) }

// changeContext is the JSON in a ConfChange's context.
type changeContext struct {
	Origin member.ID     `json:"origin,omitempty"`
	Number uint64        `json:"number,omitempty"`
	Change member.Change `json:"change"`
}

// raftChange makes the raft form of a membership change.
func raftChange(id RequestID, c member.Change) (*pb.ConfChange, error) {
	context, err := json.Marshal(changeContext{Origin: id.Origin, Number: id.Number, Change: c})
	if err != nil {
		return nil, err
	}
	kind := pb.ConfChangeAddNode
	switch {
	case c.Op == member.Remove:
		kind = pb.ConfChangeRemoveNode
	case c.Op == member.Update:
		kind = pb.ConfChangeUpdateNode
	case c.Member.Learner:
		kind = pb.ConfChangeAddLearnerNode
	}
	return &pb.ConfChange{Type: kind.Enum(), NodeId: new(uint64(c.Member.ID)), Context: context}, nil
}

// encodeChange makes the data of a membership change entry.
func encodeChange(id RequestID, c member.Change) ([]byte, error) {
	cc, err := raftChange(id, c)
	if err != nil {
		return nil, err
	}
	return proto.Marshal(cc)
}

// decodeChange reads the data of a membership change entry and checks that
// what raft will do is what the registry will do. An operation or a field that this
// build does not know is member.ErrNewer.
func decodeChange(data []byte) (RequestID, member.Change, error) {
	cc, err := unmarshalChange(data)
	if err != nil {
		return RequestID{}, member.Change{}, err
	}
	var ctx changeContext
	if err := member.Decode(cc.GetContext(), &ctx); err != nil {
		return RequestID{}, member.Change{}, fmt.Errorf("membership change: %w", err)
	}
	if op := ctx.Change.Op; len(cc.ProtoReflect().GetUnknown()) > 0 || op != member.Add && op != member.Remove && op != member.Update {
		return RequestID{}, member.Change{}, fmt.Errorf("membership change %q: %w", op, member.ErrNewer)
	}
	want, err := raftChange(RequestID{}, ctx.Change)
	if err != nil {
		return RequestID{}, member.Change{}, err
	}
	if want.GetType() != cc.GetType() || want.GetNodeId() != cc.GetNodeId() || cc.GetNodeId() == 0 {
		return RequestID{}, member.Change{}, errors.New("membership change: type or id contradict the context")
	}
	return RequestID{Origin: ctx.Origin, Number: ctx.Number}, ctx.Change, nil
}

// Commands picks the commands out of stored entries, for replaying them to a
// state machine that was restarted.
func Commands(entries []storage.Entry) ([]Command, error) {
	commands := make([]Command, 0, len(entries))
	for i := range entries {
		e := &entries[i]
		if e.Type != pluginv1.EntryType_ENTRY_NORMAL || len(e.Data) == 0 || isOwn(e.Data) {
			continue
		}
		h, data, err := decodeCommand(e.Data)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", e.Index, err)
		}
		commands = append(commands, Command{ID: h.id, Index: e.Index, Term: e.Term, Stamp: h.stamp, Tick: h.tick, Data: data})
	}
	return commands, nil
}

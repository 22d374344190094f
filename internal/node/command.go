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

// The header of an entry's data (docs/formats/entry.md): one byte of version,
// origin and number in big endian, then the client's data.
const (
	commandVersion = 1
	// CommandOverhead is the size of the header that the host adds to a
	// client's data.
	CommandOverhead = 1 + 8 + 8
	// readContextSize is the size of the context of a ReadIndex: the node, its
	// boot and a counter, 8 bytes each. A context is never used twice, so a
	// late answer is never taken for that of another read.
	readContextSize = 24
)

// encodeCommand puts the header before data.
func encodeCommand(id RequestID, data []byte) []byte {
	b := make([]byte, 0, CommandOverhead+len(data))
	b = append(b, commandVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(id.Origin))
	b = binary.BigEndian.AppendUint64(b, id.Number)
	return append(b, data...)
}

// decodeCommand splits an entry's data; the payload aliases it.
func decodeCommand(b []byte) (RequestID, []byte, error) {
	if len(b) < CommandOverhead {
		return RequestID{}, nil, fmt.Errorf("command of %d bytes is shorter than its header", len(b))
	}
	if b[0] != commandVersion {
		return RequestID{}, nil, fmt.Errorf("command of version %d, this host knows %d", b[0], commandVersion)
	}
	id := RequestID{Origin: member.ID(binary.BigEndian.Uint64(b[1:])), Number: binary.BigEndian.Uint64(b[9:])}
	return id, b[CommandOverhead:], nil
}

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
		id, data, err := decodeCommand(e.Data)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", e.Index, err)
		}
		commands = append(commands, Command{ID: id, Index: e.Index, Term: e.Term, Data: data})
	}
	return commands, nil
}

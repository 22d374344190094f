package node

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// ErrInvalidMessage: a peer's message breaks raft's rules. Deliver and Step
// refuse the message with it, so that it never reaches raft, which panics on
// several of them.
var ErrInvalidMessage = errors.New("invalid message")

// maxIndex bounds the positions in a log that a peer may speak of, far from
// where sums of them would overflow.
const maxIndex = math.MaxUint64 >> 1

// messageLimits bound what a peer may send.
type messageLimits struct {
	entry   int // data of one entry
	message int // a whole encoded message
}

// fromPeers are the message types that may come over the network, and whether
// they carry a term.
var fromPeers = map[pb.MessageType]bool{
	pb.MsgProp: false, pb.MsgReadIndex: false,
	pb.MsgApp: true, pb.MsgAppResp: true, pb.MsgVote: true, pb.MsgVoteResp: true,
	pb.MsgSnap: true, pb.MsgHeartbeat: true, pb.MsgHeartbeatResp: true,
	pb.MsgTimeoutNow: true, pb.MsgReadIndexResp: true,
	pb.MsgPreVote: true, pb.MsgPreVoteResp: true,
}

// validate checks what can be known from the message alone. Core.accepts
// checks the rest.
func validate(m *pluginv1.Message, limits messageLimits) error {
	kind := pb.MessageType(m.Type)
	hasTerm, ok := fromPeers[kind]
	switch {
	case !ok:
		return invalid("type %d is not one for the network", m.Type)
	case m.From == 0 || m.To == 0 || m.From == m.To || raft.IsLocalMsgTarget(m.From) || raft.IsLocalMsgTarget(m.To):
		// Raft's answers to one of its own local targets would come out as
		// work for the disk.
		return invalid("%s from %x to %x", kind, m.From, m.To)
	case hasTerm && (m.Term == 0 || m.Term > maxTerm):
		return invalid("%s with term %d", kind, m.Term)
	case !hasTerm && m.Term != 0:
		return invalid("%s with term %d, want none", kind, m.Term)
	case m.LogTerm > m.Term && hasTerm:
		return invalid("%s with log term %d above term %d", kind, m.LogTerm, m.Term)
	case m.Index > maxIndex || m.Commit > maxIndex || m.RejectHint > maxIndex:
		return invalid("%s with index %d, commit %d, hint %d", kind, m.Index, m.Commit, m.RejectHint)
	case m.HashIndex > maxIndex:
		return invalid("%s with a hash of the state at %d", kind, m.HashIndex)
	case m.Acknowledged > maxIndex:
		return invalid("%s with acknowledged index %d", kind, m.Acknowledged)
	}
	switch kind {
	case pb.MsgApp:
		return validateAppend(m, limits)
	case pb.MsgProp:
		return validateBatch(m, limits)
	case pb.MsgSnap:
		if m.Snapshot.Metadata.Term > m.Term || m.Snapshot.Metadata.Index > maxIndex {
			return invalid("snapshot at (%d, %d) in term %d", m.Snapshot.Metadata.Index, m.Snapshot.Metadata.Term, m.Term)
		}
		if n := len(m.SnapshotSha256); n != 0 && n != sha256.Size {
			return invalid("snapshot %d with a SHA-256 of %d bytes", m.Snapshot.Metadata.Index, n)
		}
		if m.SnapshotOffset > m.SnapshotBytes || m.SnapshotOffset > 0 && len(m.SnapshotSha256) == 0 {
			return invalid("snapshot %d from byte %d on, of %d with a SHA-256 of %d bytes",
				m.Snapshot.Metadata.Index, m.SnapshotOffset, m.SnapshotBytes, len(m.SnapshotSha256))
		}
		return validateSnapshot(&m.Snapshot.Metadata)
	case pb.MsgReadIndex, pb.MsgReadIndexResp:
		if len(m.Entries) != 1 || len(m.Entries[0].Data) != readContextSize {
			return invalid("%s with %d entries", kind, len(m.Entries))
		}
	case pb.MsgHeartbeat, pb.MsgHeartbeatResp:
		if n := len(m.Context); n != 0 && n != 8 {
			return invalid("%s with a context of %d bytes", kind, n)
		}
		if n := len(m.KeptSha256); n != 0 && n != sha256.Size {
			return invalid("%s that keeps a snapshot with a SHA-256 of %d bytes", kind, n)
		}
	}
	if len(m.Entries) > 0 && kind != pb.MsgReadIndex && kind != pb.MsgReadIndexResp {
		return invalid("%s with %d entries", kind, len(m.Entries))
	}
	return nil
}

// validateAppend checks that the entries are a run that follows the message's
// index and that no term goes back.
func validateAppend(m *pluginv1.Message, limits messageLimits) error {
	index, term := m.Index, m.LogTerm
	for i := range m.Entries {
		e := &m.Entries[i]
		index++
		switch {
		case e.Index != index:
			return invalid("entry %d stands where index %d should", e.Index, index)
		case e.Term < term || e.Term > m.Term || e.Term == 0:
			return invalid("entry %d has term %d after %d in a message of term %d", e.Index, e.Term, term, m.Term)
		case len(e.Data) > limits.entry:
			return invalid("entry %d has %d bytes, limit %d", e.Index, len(e.Data), limits.entry)
		}
		term = e.Term
		if err := validateData(e); err != nil {
			return err
		}
	}
	return nil
}

// validateData checks that an entry's data can be read when it is applied. An
// entry of a newer build may stand in the log: see understands.
func validateData(e *storage.Entry) error {
	switch e.Type {
	case pluginv1.EntryType_ENTRY_NORMAL:
		if len(e.Data) == 0 { // a new leader's first entry
			return nil
		}
		if isOwn(e.Data) {
			if err := checkOwn(e.Data); err != nil {
				return invalid("entry %d: %v", e.Index, err)
			}
			return nil
		}
		if _, _, err := decodeCommand(e.Data); err != nil && !errors.Is(err, member.ErrNewer) {
			return invalid("entry %d: %v", e.Index, err)
		}
	case pluginv1.EntryType_ENTRY_CONF_CHANGE:
		if _, _, err := decodeChange(e.Data); err != nil && !errors.Is(err, member.ErrNewer) {
			return invalid("entry %d: %v", e.Index, err)
		}
	default:
		return invalid("entry %d has type %d", e.Index, e.Type)
	}
	return nil
}

// validateSnapshot checks a snapshot's place and membership: raft panics on a
// ConfState that cannot be.
func validateSnapshot(m *storage.SnapshotMetadata) error {
	cs := &m.ConfState
	switch {
	case m.Index == 0 || m.Term == 0:
		return invalid("snapshot at (%d, %d)", m.Index, m.Term)
	case len(cs.Voters) == 0:
		return invalid("snapshot %d has no voters", m.Index)
	case len(cs.VotersOutgoing)+len(cs.LearnersNext) > 0 || cs.AutoLeave:
		return invalid("snapshot %d has a joint configuration", m.Index)
	}
	ids := slices.Concat(cs.Voters, cs.Learners)
	slices.Sort(ids)
	if ids[0] == 0 || len(slices.Compact(ids)) != len(cs.Voters)+len(cs.Learners) {
		return invalid("snapshot %d has voters %x and learners %x", m.Index, cs.Voters, cs.Learners)
	}
	return nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalidMessage, fmt.Sprintf(format, args...))
}

// unmarshalChange reads a raft ConfChange.
func unmarshalChange(data []byte) (*pb.ConfChange, error) {
	cc := &pb.ConfChange{}
	if err := proto.Unmarshal(data, cc); err != nil {
		return nil, fmt.Errorf("membership change: %w", err)
	}
	return cc, nil
}

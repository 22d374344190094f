package node

import (
	"encoding/binary"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/member"
)

// Proposals go from host to host in batches (ADR 0041). A batch has a number, and
// is for one leader in one term: no other leader, and no other term, ever takes
// it. Its leader takes it at most once, and answers for each number that it was
// appended, and where, or that it was refused. A batch without an answer is sent
// again. A refused batch is in no log and never will be. When an entry of a later
// term has come out for apply, the same is known of the rest.

const (
	// At most maxBatches of a member are on their way without an answer.
	maxBatches = 256
	// An answer has answerSize bytes for each batch: its number, and the index of its
	// first entry or 0.
	answerSize = 8 + 8
)

// refusal is the reason for which a leader has refused a batch.
type refusal uint32

const (
	appended refusal = iota // it was not
	// notLeading: it led in the term of the batch, and does no longer.
	notLeading
	// busy: leadership is being transferred, or the cluster is being founded, or
	// too much is uncommitted, or on its way.
	busy
	// noSpace: see ErrNoSpace.
	noSpace
	// tooMany: see ErrTooMany.
	tooMany
)

// batchHeader has the fields of a MsgProp that are not raft's. In an answer number and
// oldest are 0.
type batchHeader struct {
	number, oldest    uint64
	term, incarnation uint64
	refusal           refusal
	full              int // so many entries it had, for which there was no room; not on the wire
}

// batchAnswer says of a batch that it was appended, and at which index, or that it was
// refused: then index is 0.
type batchAnswer struct {
	number, index uint64
}

// encodeAnswers is the context of an answer.
func encodeAnswers(list []batchAnswer) []byte {
	b := make([]byte, 0, len(list)*answerSize)
	for _, a := range list {
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, a.number), a.index)
	}
	return b
}

// decodeAnswers reads the context of an answer, which validateBatch has checked.
func decodeAnswers(b []byte) (list []batchAnswer) {
	for ; len(b) >= answerSize; b = b[answerSize:] {
		list = append(list, batchAnswer{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])})
	}
	return list
}

// sendBatch sends a batch, or an answer.
func (c *Core) sendBatch(to uint64, header batchHeader, entries []*pb.Entry, context []byte) {
	if to == raft.None || to == uint64(c.cfg.ID) {
		return
	}
	c.encoder.batch = header
	c.send(&pb.Message{
		Type: pb.MsgProp.Enum(), From: new(uint64(c.cfg.ID)), To: new(to), Entries: entries, Context: context,
	})
	c.encoder.batch = batchHeader{}
}

// StepForwarded takes what a peer has forwarded, or its answer. An error other
// than ErrFailed means that the message was refused.
func (c *Core) StepForwarded(h heard) error {
	return c.step(func() error {
		if err := c.accepts(h.message); err != nil {
			return err
		}
		c.note(h.message)
		if h.gossip.batch.number == 0 {
			c.answered(h)
			return nil
		}
		return c.take(h)
	})
}

// validateBatch checks a batch, or an answer. Membership changes are proposed by
// the leader itself, so none is among the proposals, and each is of the member
// that sends it.
func validateBatch(m *pluginv1.Message, limits messageLimits) error {
	switch {
	case m.BatchTerm == 0 || m.BatchTerm > maxTerm || m.Incarnation == 0:
		return invalid("batch for term %d of incarnation %d", m.BatchTerm, m.Incarnation)
	case len(m.Entries) == 0:
		return validateAnswer(m)
	case m.Batch == 0 || m.OldestBatch == 0 || m.OldestBatch > m.Batch || m.Batch-m.OldestBatch >= maxBatches:
		return invalid("batch %d while %d has no answer", m.Batch, m.OldestBatch)
	case len(m.Context) > 0:
		return invalid("batch with a context of %d bytes", len(m.Context))
	}
	for i := range m.Entries {
		e := &m.Entries[i]
		if e.Type != pluginv1.EntryType_ENTRY_NORMAL || e.Term != 0 || e.Index != 0 {
			return invalid("forwarded proposal of type %d at (%d, %d)", e.Type, e.Term, e.Index)
		}
		if len(e.Data) > limits.entry {
			return invalid("forwarded proposal of %d bytes, limit %d", len(e.Data), limits.entry)
		}
		switch h, _, err := decodeCommand(e.Data); {
		case err != nil:
			return invalid("forwarded proposal: %v", err)
		case h.tick:
			return invalid("%x forwards a tick", m.From)
		case h.id.Origin != member.ID(m.From):
			return invalid("%x forwards a proposal of %s", m.From, h.id.Origin)
		}
	}
	return nil
}

func validateAnswer(m *pluginv1.Message) error {
	n := len(m.Context)
	if m.Batch != 0 || m.OldestBatch != 0 || n == 0 || n%answerSize != 0 || n > maxBatches*answerSize {
		return invalid("answer of %d bytes with batch %d", n, m.Batch)
	}
	for _, a := range decodeAnswers(m.Context) {
		if a.number == 0 || a.index > maxIndex || (a.index == 0) == (refusal(m.Refusal) == appended) {
			return invalid("batch %d is said to be at %d, with refusal %d", a.number, a.index, m.Refusal)
		}
	}
	return nil
}

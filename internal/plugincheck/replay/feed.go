package replay

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/pluginrecord"
	"github.com/pontoon-raft/pontoon/plugins"
)

// A feedState is a stream of numbered batches. The numbers of the process are its own: a replay may
// begin in the midst of a stream.
type feedState struct {
	number uint64 // of the last batch that was sent
	// waiting are the batches without an answer.
	waiting []*batch
	// parts are those of an answer that is not complete.
	parts []pluginv1.ApplyResult
	// acked is the last batch that the process has acknowledged; of a storage.
	acked uint64
}

// A batch is one of the record.
type batch struct {
	recorded, replayed uint64 // its numbers
	first, last        uint64 // indexes; 0 if it has no entries
	size               int
	apply              pluginv1.ApplyRequest // of a state machine
}

// batch sends a batch, if the state is known.
func (c *call) batch(request []byte) error {
	l := c.life
	if l.process == nil {
		return nil
	}
	if !c.live {
		c.live = true // the replay has begun after the call
		c.starts()
	}
	b := &batch{replayed: c.feed.number + 1}
	message, err := b.decode(l.p.plan.kind, request)
	if err != nil {
		return fmt.Errorf("%w: batch of call %d: %w", pluginrecord.ErrDamaged, c.number, err)
	}
	c.feed.number++
	c.feed.waiting = append(c.feed.waiting, b)
	l.changes++
	l.pending++
	l.p.report.Entries += uint64(b.size)
	return c.send(message)
}

// decode reads a batch, and returns it with the number that it has in the replay.
func (b *batch) decode(kind plugins.Kind, request []byte) ([]byte, error) {
	if kind == plugins.Storage {
		var req pluginv1.AppendRequest
		if err := req.Unmarshal(request); err != nil {
			return nil, err
		}
		if b.size = len(req.Entries); b.size > 0 {
			b.first, b.last = req.Entries[0].Index, req.Entries[b.size-1].Index
		}
		b.recorded, req.Seq = req.Seq, b.replayed
		return req.Marshal()
	}
	req := &b.apply
	if err := req.Unmarshal(request); err != nil {
		return nil, err
	}
	if b.size = len(req.Entries); b.size > 0 {
		b.first, b.last = req.Entries[0].Index, req.Entries[b.size-1].Index
	}
	b.recorded, req.Seq = req.Seq, b.replayed
	return req.Marshal()
}

// answered takes an answer of the record, and waits for that of the process.
func (c *call) answered(message []byte) error {
	if !c.live {
		return nil
	}
	if c.life.p.plan.kind == plugins.Storage {
		return c.acknowledged(message)
	}
	var res pluginv1.ApplyResponse
	if err := res.Unmarshal(message); err != nil {
		return fmt.Errorf("%w: answer of call %d: %w", pluginrecord.ErrDamaged, c.number, err)
	}
	i := slices.IndexFunc(c.feed.waiting, func(b *batch) bool { return b.recorded == res.Seq })
	if i < 0 {
		return nil // to a batch before the replay began
	}
	c.feed.parts = append(c.feed.parts, res.Results...)
	if res.More {
		return nil
	}
	res.Results, c.feed.parts = c.feed.parts, nil
	b := c.feed.waiting[i]
	c.settleBatches(i + 1)
	return c.applied(b, &res)
}

// settleBatches notes that so many batches have their answers.
func (c *call) settleBatches(n int) {
	c.feed.waiting = c.feed.waiting[n:]
	c.life.pending -= n
}

// dropBatches gives up those without an answer.
func (c *call) dropBatches() {
	if len(c.feed.waiting) > 0 {
		c.life.lost = true
	}
	c.settleBatches(len(c.feed.waiting))
}

// receive waits for the next message of the process.
func (c *call) receive() (*rawMessage, error) {
	defer c.within()()
	var m rawMessage
	err := c.stream.RecvMsg(&m)
	return &m, err
}

// failed is how a stream of the process ended, for people.
func (c *call) failed(err error) string {
	switch {
	case c.overdue.Load():
		return c.tooLate()
	case errors.Is(err, io.EOF):
		return "the end of the stream"
	}
	return statusText(status.Convert(err))
}

// acknowledged waits until the process has acknowledged what the one of the record had.
func (c *call) acknowledged(message []byte) error {
	var ack pluginv1.AppendResponse
	if err := ack.Unmarshal(message); err != nil {
		return fmt.Errorf("%w: answer of call %d: %w", pluginrecord.ErrDamaged, c.number, err)
	}
	n := 0
	for n < len(c.feed.waiting) && c.feed.waiting[n].recorded <= ack.Seq {
		n++
	}
	if n == 0 {
		return nil
	}
	last := c.feed.waiting[n-1]
	c.settleBatches(n)
	for c.feed.acked < last.replayed {
		m, err := c.receive()
		if err != nil {
			return c.batchDiffers(last, "answer", "acknowledged", c.failed(err))
		}
		var got pluginv1.AppendResponse
		if err := got.Unmarshal(m.bytes); err != nil || got.Seq <= c.feed.acked || got.Seq > c.feed.number {
			return c.batchDiffers(last, "answer", "acknowledged", fmt.Sprintf("batch %d is acknowledged after %d of %d", got.Seq, c.feed.acked, c.feed.number))
		}
		c.feed.acked = got.Seq
	}
	c.life.p.did(fmt.Sprintf("call %d, %s, %s: acknowledged", c.number, shortMethod(c.name), last))
	return nil
}

// String is a batch for people.
func (b *batch) String() string {
	switch b.size {
	case 0:
		return fmt.Sprintf("batch %d without entries", b.recorded)
	case 1:
		return fmt.Sprintf("batch %d, entry %d", b.recorded, b.first)
	}
	return fmt.Sprintf("batch %d, entries %d to %d", b.recorded, b.first, b.last)
}

// batchDiffers is a difference in the answer to a batch.
func (c *call) batchDiffers(b *batch, what, recorded, replayed string) error {
	return c.life.p.differs(&Difference{
		Call: c.number, Method: shortMethod(c.name), Time: c.time, Batch: b.recorded,
		What: what, Request: b.String(), Recorded: recorded, Replayed: replayed,
	})
}

// feedEnded holds the end of a stream of batches against that of the record.
func (c *call) feedEnded(st *status.Status) error {
	if isLost(st) || c.stream == nil {
		c.givenUp()
		return nil
	}
	defer c.cancel()
	defer c.dropBatches()
	defer c.within()() // all of it: a plugin may go on to send without end
	for {
		_, err := c.receive()
		switch {
		case err == nil: // an acknowledgement that the host did not wait for, or an answer to what was refused
			continue
		case errors.Is(err, io.EOF) && st.Code() == codes.OK:
			return nil
		case !errors.Is(err, io.EOF) && status.Code(err) == st.Code() && reasons(status.Convert(err)) == reasons(st):
			return nil
		}
		recorded := "the end of the stream"
		if st.Code() != codes.OK {
			recorded = statusText(st)
		}
		return c.differs("outcome", recorded, c.failed(err))
	}
}

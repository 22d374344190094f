package quictransport

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/sendqueue"
)

const (
	// writeBytes is how much a channel collects before it writes without
	// having seen the end of its queue.
	writeBytes = 256 << 10
	// directBytes is the size from which a payload is written as it is instead
	// of being copied into the channel's buffer first.
	directBytes = 64 << 10
)

// A channel is the sending end of one kind of message stream of a link: a
// queue and its writer.
type channel struct {
	link   *link
	kind   streamKind
	queue  *sendqueue.Queue
	out    *pace.Writer
	buffer []byte // what is encoded and not written yet
}

func newChannel(l *link, kind streamKind) *channel {
	return &channel{link: l, kind: kind, queue: sendqueue.New(l.peer.e.config.QueueBytes)}
}

// run sends until the connection ends, which it makes end if it cannot send.
func (c *channel) run(ctx context.Context) {
	err := c.send(ctx)
	if ctx.Err() != nil {
		return
	}
	number := closeProtocol
	if errors.Is(err, os.ErrDeadlineExceeded) {
		number = closeSlow
	}
	c.link.fail(number, fmt.Errorf("%v stream: %w", c.kind, err))
}

func (c *channel) send(ctx context.Context) error {
	stream, err := c.link.conn.OpenUniStreamSync(ctx)
	if err != nil {
		return err
	}
	stream.SetPriority(c.kind.urgency(), true)
	t := c.link.peer.e.timing
	c.out = pace.NewWriter(stream, t.Link)
	c.buffer = append(c.buffer, byte(c.kind))
	var heartbeat <-chan time.Time
	var renamed <-chan struct{}
	if c.kind == streamControl {
		ticker := time.NewTicker(t.Heartbeat)
		defer ticker.Stop()
		heartbeat, renamed = ticker.C, c.link.renamed
		c.buffer = appendHeartbeat(c.buffer, time.Now())
	}
	var batch []transport.Envelope
	for {
		var err error
		if batch, err = c.queue.Drain(batch, c.encode); err != nil {
			return err
		}
		if err := c.write(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-heartbeat:
			c.buffer = appendHeartbeat(c.buffer, time.Now())
		case <-renamed:
			c.buffer = appendGreetingFrame(c.buffer, c.link.peer.e.Book.Self())
		case <-c.queue.Wake():
		}
	}
}

func (c *channel) encode(batch []transport.Envelope) error {
	for i := range batch {
		payload := batch[i].Payload
		c.buffer = appendFrameHead(c.buffer, tagMessage, len(payload))
		if len(payload) < directBytes {
			c.buffer = append(c.buffer, payload...)
			if len(c.buffer) < writeBytes {
				continue
			}
		}
		if err := c.write(); err != nil {
			return err
		}
		if len(payload) >= directBytes {
			if err := c.put(payload); err != nil {
				return err
			}
		}
	}
	return nil
}

// write puts everything that is encoded on the stream.
func (c *channel) write() error {
	if len(c.buffer) == 0 {
		return nil
	}
	err := c.put(c.buffer)
	c.buffer = c.buffer[:0]
	return err
}

// put puts bytes on the stream, which the peer owes an acknowledgement for from then on.
func (c *channel) put(p []byte) error {
	before := c.link.conn.ConnectionStats()
	_, err := c.out.Write(p)
	c.link.owed.wrote(before) // and not as it is now: the acknowledgement may have come
	return err
}

var _ pace.Stream = (*quic.SendStream)(nil)

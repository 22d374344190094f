package httptransport

import (
	"context"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/sendqueue"
)

const (
	// writeBytes is how much the writer collects before it writes without
	// having seen the end of its queue.
	writeBytes = 256 << 10
	// directBytes is the size from which a payload is written as it is
	// instead of being copied into the writer's buffer first.
	directBytes = 64 << 10
)

// A frameEncoder is the sending end of one kind of stream.
type frameEncoder interface {
	// header appends what goes before the payload and reports whether the
	// payload itself has to follow. It fails if the payload is not a message.
	header(dst, payload []byte) ([]byte, bool, error)
	// heartbeat appends a link heartbeat.
	heartbeat(dst []byte) []byte
}

// A streamWriter sends what is in its queue over one connection. It lives as
// long as that connection.
type streamWriter struct {
	peer    *peer
	kind    streamKind
	queue   *sendqueue.Queue
	encoder frameEncoder
	cancel  context.CancelFunc
	of      *entriesTerm // nil but for the older form of the msgapp stream

	out    *chunks
	buffer []byte // chunkRoom bytes, then what is encoded and not written yet
}

func newStreamWriter(p *peer, kind streamKind, out *chunks, cancel context.CancelFunc) *streamWriter {
	w := &streamWriter{
		peer: p, kind: kind, cancel: cancel, out: out,
		queue:   sendqueue.New(p.e.config.QueueBytes),
		encoder: messageEncoder{},
		buffer:  make([]byte, chunkRoom, 4<<10),
	}
	if kind == appendStream {
		w.encoder = &msgappEncoder{link: raftmsg.Link{From: p.e.self.node, To: p.id}}
	}
	return w
}

// run sends until ctx ends or the connection fails. Afterwards the queue is
// closed, and what may have been lost is reported.
func (w *streamWriter) run(ctx context.Context) error {
	// A write that is stuck ends at once when ctx does.
	stop := context.AfterFunc(ctx, w.out.out.Interrupt)
	defer stop()
	err := w.loop(ctx)
	if ended := context.Cause(ctx); ended != nil {
		err = ended
	}
	w.peer.facts.Dropped.Add(uint64(w.queue.Close()))
	w.peer.detach(w)
	// The last messages written may not have arrived; that cannot be known.
	w.peer.e.Reporter.Unreachable(w.peer.id, "the "+w.kind.path()+" stream ended")
	return err
}

func (w *streamWriter) loop(ctx context.Context) error {
	heartbeat := time.NewTicker(w.peer.e.timing.Heartbeat)
	defer heartbeat.Stop()
	var batch []transport.Envelope
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-heartbeat.C:
			w.buffer = w.encoder.heartbeat(w.buffer)
		case <-w.queue.Wake():
		}
		var err error
		if batch, err = w.queue.Drain(batch, w.encode); err != nil {
			return err
		}
		if err := w.write(); err != nil {
			return err
		}
	}
}

func (w *streamWriter) encode(batch []transport.Envelope) error {
	for i := range batch {
		payload := batch[i].Payload
		start := len(w.buffer)
		buffer, follows, err := w.encoder.header(w.buffer, payload)
		if err != nil {
			w.buffer = buffer[:start]
			w.peer.e.Reporter.Unreachable(w.peer.id, err.Error())
			continue
		}
		w.buffer = buffer
		if follows && len(payload) >= directBytes {
			if err := w.write(); err != nil {
				return err
			}
			if err := w.out.writeDirect(payload); err != nil {
				return err
			}
			continue
		}
		if follows {
			w.buffer = append(w.buffer, payload...)
		}
		if len(w.buffer) >= writeBytes {
			if err := w.write(); err != nil {
				return err
			}
		}
	}
	return nil
}

// write puts everything that is encoded on the wire.
func (w *streamWriter) write() error {
	if len(w.buffer) == chunkRoom {
		return nil
	}
	err := w.out.write(w.buffer)
	w.buffer = w.buffer[:chunkRoom]
	return err
}

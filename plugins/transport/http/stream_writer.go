package httptransport

import (
	"context"
	"net/http"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport"
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
	// payload itself has to follow. It fails if the payload is no message.
	header(dst, payload []byte) ([]byte, bool, error)
	// heartbeat appends a link heartbeat.
	heartbeat(dst []byte) []byte
}

// A streamWriter sends what is in its queue over one connection. It lives as
// long as that connection.
type streamWriter struct {
	peer    *peer
	kind    streamKind
	queue   *queue
	encoder frameEncoder
	cancel  context.CancelFunc

	out      http.ResponseWriter
	control  *http.ResponseController
	deadline deadline
	buffer   []byte // encoded, not written yet
	unsent   bool   // written, not flushed yet
}

func newStreamWriter(p *peer, kind streamKind, out http.ResponseWriter, cancel context.CancelFunc) *streamWriter {
	control := http.NewResponseController(out)
	w := &streamWriter{
		peer: p, kind: kind, cancel: cancel, out: out, control: control,
		queue:    newQueue(p.e.config.QueueBytes),
		encoder:  messageEncoder{},
		deadline: deadline{set: control.SetWriteDeadline, timeout: p.e.timing.link},
	}
	if kind == appendStream {
		w.encoder = &msgappEncoder{link: link{from: p.e.self.node, to: p.id}}
	}
	return w
}

// run sends until ctx ends or the connection fails. Afterwards the queue is
// closed, and what may have been lost is reported.
func (w *streamWriter) run(ctx context.Context) error {
	// A write that is stuck ends at once when ctx does.
	stop := context.AfterFunc(ctx, func() { _ = w.control.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	err := w.loop(ctx)
	w.queue.close()
	w.peer.detach(w)
	// What was written last may not have arrived; nobody can tell.
	w.peer.e.reporter.unreachable(w.peer.id, "the "+w.kind.path()+" stream ended")
	return err
}

func (w *streamWriter) loop(ctx context.Context) error {
	heartbeat := time.NewTicker(w.peer.e.timing.heartbeat)
	defer heartbeat.Stop()
	var batch []transport.Envelope
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-heartbeat.C:
			w.buffer = w.encoder.heartbeat(w.buffer)
		case <-w.queue.wake:
		}
		for {
			batch = w.queue.take(batch)
			if len(batch) == 0 {
				break
			}
			err := w.encode(ctx, batch)
			clear(batch)
			if err != nil {
				return err
			}
		}
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
}

func (w *streamWriter) encode(ctx context.Context, batch []transport.Envelope) error {
	for i := range batch {
		payload := batch[i].Payload
		start := len(w.buffer)
		buffer, follows, err := w.encoder.header(w.buffer, payload)
		if err != nil {
			w.buffer = buffer[:start]
			w.peer.e.reporter.unreachable(w.peer.id, err.Error())
			continue
		}
		w.buffer = buffer
		if follows && len(payload) >= directBytes {
			if err := w.writeThrough(ctx, payload); err != nil {
				return err
			}
			continue
		}
		if follows {
			w.buffer = append(w.buffer, payload...)
		}
		if len(w.buffer) >= writeBytes {
			if err := w.write(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeThrough writes the buffer and then a payload, without copying it.
func (w *streamWriter) writeThrough(ctx context.Context, payload []byte) error {
	if err := w.write(ctx); err != nil {
		return err
	}
	if err := w.extend(ctx); err != nil {
		return err
	}
	_, err := w.out.Write(payload)
	return err
}

// write hands the buffer to the connection.
func (w *streamWriter) write(ctx context.Context) error {
	if len(w.buffer) == 0 {
		return nil
	}
	if err := w.extend(ctx); err != nil {
		return err
	}
	w.unsent = true
	_, err := w.out.Write(w.buffer)
	w.buffer = w.buffer[:0]
	return err
}

// flush puts everything on the wire.
func (w *streamWriter) flush(ctx context.Context) error {
	if err := w.write(ctx); err != nil || !w.unsent {
		return err
	}
	w.unsent = false
	return w.control.Flush()
}

// extend moves the write deadline. The order matters: if ctx ends after the
// check, run's AfterFunc sets a deadline of its own after this one.
func (w *streamWriter) extend(ctx context.Context) error {
	if err := w.deadline.extend(); err != nil {
		return err
	}
	return ctx.Err()
}

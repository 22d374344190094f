package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// endOfLine is how long a message that is on its way may take when the answer has to end.
const endOfLine = 250 * time.Millisecond

// A bodyForm is how the messages of an answer in chunks stand in a body of HTTP/1.1.
type bodyForm[M any] struct {
	contentType string
	message     func(*M) (jsonAnswer, error)
	// failed is the message that says why the answer is not whole.
	failed func(*hostv1.Failure) *M
	// life is written when nothing else was for the time of every; never if that is 0.
	life  string
	every time.Duration
}

// A bodyStream is a stream of one service's messages over HTTP/1.1.
type bodyStream[M any] struct {
	grpc.ServerStream // of which there is none
	bodyForm[M]
	ctx     context.Context
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool

	mu     sync.Mutex // held while something is written
	broken error      // why something was not written to its end
	busy   bool       // something was written since the last look
	over   chan struct{}
	quiet  chan error // is closed when no sign of life is written any more
}

func newBodyStream[M any](w http.ResponseWriter, r *http.Request, form bodyForm[M]) *bodyStream[M] {
	return &bodyStream[M]{
		bodyForm: form, ctx: r.Context(), w: w, control: http.NewResponseController(w),
		over: make(chan struct{}), quiet: make(chan error),
	}
}

// serve has a request answered. The error is that of a request which was refused before its answer
// has begun; a body that has begun says itself why it is not whole.
func (b *bodyStream[M]) serve(answer func(grpc.ServerStreamingServer[M]) error) error {
	err := answer(b)
	if !b.begun {
		return err
	}
	close(b.over)
	b.await(b.quiet)
	if err == nil {
		return nil
	}
	if b.broken == nil { // or the message would be a part of another one
		_ = b.write(b.failed(failureOf(err)))
	}
	panic(http.ErrAbortHandler)
}

// Context implements grpc.ServerStream.
func (b *bodyStream[M]) Context() context.Context { return b.ctx }

// Send implements grpc.ServerStreamingServer.
func (b *bodyStream[M]) Send(m *M) error {
	if !b.begun {
		b.begun = true
		b.w.Header().Set("Content-Type", b.contentType)
		b.w.Header().Set("Cache-Control", "no-store, no-transform") // a proxy that compresses gathers events
		b.w.Header().Set("X-Accel-Buffering", "no")
		b.w.Header().Set("X-Content-Type-Options", "nosniff")
		b.w.WriteHeader(http.StatusOK)
		go b.live()
	}
	return b.write(m)
}

// SendMsg implements grpc.ServerStream. The bytes of a large chunk count until they are
// written.
func (b *bodyStream[M]) SendMsg(m any) error {
	a, ok := m.(*countedAnswer)
	if !ok {
		return errors.New("an answer in chunks has another message")
	}
	defer a.handed.gone()
	return b.Send(any(a.message).(*M))
}

// write writes one message.
func (b *bodyStream[M]) write(m *M) error {
	a, err := b.message(m)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.busy = true
	return b.putLocked(func() error { return a.writeTo(b.w) })
}

// putLocked writes something and has it sent. Nothing is written after what was broken off.
func (b *bodyStream[M]) putLocked(put func() error) error {
	if b.broken != nil {
		return b.broken
	}
	err := put()
	if err == nil {
		err = b.control.Flush()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = &server.Error{Err: errSlowClient, Detail: fmt.Sprintf("%d bytes of an answer in chunks have %v to go", paceBytes, paceTime)}
	}
	b.broken = err
	return err
}

// live writes signs of life where nothing else is written, until the answer is over.
func (b *bodyStream[M]) live() {
	defer close(b.quiet)
	if b.every == 0 {
		return
	}
	ticker := time.NewTicker(b.every)
	defer ticker.Stop()
	for {
		select {
		case <-b.over:
			return
		case <-ticker.C:
		}
		b.mu.Lock()
		if !b.busy {
			_ = b.putLocked(func() error { _, err := io.WriteString(b.w, b.life); return err })
		}
		b.busy = false
		b.mu.Unlock()
	}
}

// await waits until nothing is written any more. A message that its client does not take is
// broken off.
func (b *bodyStream[M]) await(over <-chan error) {
	timer := time.NewTimer(endOfLine)
	defer timer.Stop()
	select {
	case <-over:
		return
	case <-timer.C:
	}
	_ = b.control.SetWriteDeadline(time.Now())
	<-over
}

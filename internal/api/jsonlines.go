package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"google.golang.org/grpc"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// lines serves an answer in chunks over HTTP/1.1: a line of JSON for each message. An
// answer that is not whole ends with a line that says why, and the body without its own
// end, so that no reader takes it for a whole one.
func lines(answer func(*hostv1.QueryRequest, queryStream) error) func(http.ResponseWriter, *http.Request, []byte) error {
	return func(w http.ResponseWriter, r *http.Request, body []byte) error {
		req := new(hostv1.QueryRequest)
		if err := decodeJSON(body, req); err != nil {
			return err
		}
		out := &lineStream{ctx: r.Context(), w: w, control: http.NewResponseController(w)}
		err := answer(req, out)
		if err == nil || !out.begun {
			return err
		}
		if !out.broken { // or the line would be a part of another one
			_ = out.write(&hostv1.QueryStreamResponse{Part: &hostv1.QueryStreamResponse_Failure{Failure: failureOf(err)}})
		}
		panic(http.ErrAbortHandler)
	}
}

// endOfLine is how long a message that is on its way may take when the answer has to end.
const endOfLine = 250 * time.Millisecond

// A lineStream is a queryStream over HTTP/1.1.
type lineStream struct {
	grpc.ServerStream // of which there is none
	ctx               context.Context
	w                 http.ResponseWriter
	control           *http.ResponseController
	begun             bool
	broken            bool // a line was not written to its end
}

// Context implements grpc.ServerStream.
func (l *lineStream) Context() context.Context { return l.ctx }

// Send implements queryStream.
func (l *lineStream) Send(m *hostv1.QueryStreamResponse) error {
	if !l.begun {
		l.begun = true
		l.w.Header().Set("Content-Type", "application/x-ndjson")
		l.w.Header().Set("X-Content-Type-Options", "nosniff")
		l.w.WriteHeader(http.StatusOK)
	}
	return l.write(m)
}

// SendMsg implements grpc.ServerStream. The bytes of a large chunk count until they are
// written.
func (l *lineStream) SendMsg(m any) error {
	a, ok := m.(*countedAnswer)
	if !ok {
		return errors.New("an answer in chunks has another message")
	}
	defer a.handed.gone()
	return l.Send(a.message.(*hostv1.QueryStreamResponse))
}

// write writes one line.
func (l *lineStream) write(m *hostv1.QueryStreamResponse) error {
	var data []byte
	if c, ok := m.GetPart().(*hostv1.QueryStreamResponse_Chunk); ok {
		data = c.Chunk
		m = &hostv1.QueryStreamResponse{Part: &hostv1.QueryStreamResponse_Chunk{}}
	}
	line, err := jsonLine(m)
	if err != nil {
		return err
	}
	a := jsonAnswer{before: line}
	if len(data) > 0 {
		a.split("chunk", data)
	}
	if err = a.writeTo(l.w); err == nil {
		err = l.control.Flush()
	}
	l.broken = l.broken || err != nil
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &server.Error{Err: errSlowClient, Detail: fmt.Sprintf("%d bytes of an answer in chunks have %v to go", paceBytes, paceTime)}
	}
	return err
}

// await waits until nothing is written any more. A line that its client does not take is
// broken off.
func (l *lineStream) await(over <-chan error) {
	timer := time.NewTimer(endOfLine)
	defer timer.Stop()
	select {
	case <-over:
		return
	case <-timer.C:
	}
	_ = l.control.SetWriteDeadline(time.Now())
	<-over
}

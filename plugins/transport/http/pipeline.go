package httptransport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peerurls"
)

const (
	pipelineWorkers = 4
	pipelineSlots   = 64
)

// A pipeline sends messages as requests of their own: while there is no
// stream, and to remote peers. Its workers exist only while there is work.
type pipeline struct {
	peer *peer

	mu      sync.Mutex
	waiting []transport.Envelope
	workers int
	closed  bool
}

// put reports whether there was room for the message.
func (p *pipeline) put(m transport.Envelope) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.waiting) >= pipelineSlots {
		return false
	}
	p.waiting = append(p.waiting, m)
	if p.workers < pipelineWorkers && p.peer.e.Life.Go(p.work) {
		p.workers++
	}
	return p.workers > 0
}

// next takes a message, or ends the worker that asked.
func (p *pipeline) next() (transport.Envelope, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		p.workers--
		return transport.Envelope{}, false
	}
	m := p.waiting[0]
	p.waiting[0] = transport.Envelope{}
	p.waiting = p.waiting[1:]
	return m, true
}

func (p *pipeline) work() {
	for {
		m, ok := p.next()
		if !ok {
			return
		}
		err := p.post(m.Payload)
		p.peer.posted(err)
		if err == nil {
			continue
		}
		// Waiting messages are as outdated as the one that has just failed.
		p.drop()
		p.peer.drop(err.Error())
		p.peer.e.Refused(p.peer, err)
	}
}

// length is how many messages wait.
func (p *pipeline) length() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting)
}

// drop forgets all that waits and returns how much it was.
func (p *pipeline) drop() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.waiting)
	p.peer.facts.Dropped.Add(uint64(n))
	p.waiting = nil
	return n
}

// close refuses further messages and reports those that wait.
func (p *pipeline) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	if p.drop() > 0 {
		p.peer.e.Reporter.Unreachable(p.peer.id, "peer was removed from the set")
	}
}

// errStalled: a POST whose body does not move, or that is not answered.
var errStalled = errors.New("nothing has moved")

// postBody is the body of a request, and says when some of it has gone.
type postBody struct {
	*bytes.Reader
	moved func()
}

// Read implements io.Reader. The bytes of the read before have been written.
func (b postBody) Read(p []byte) (int, error) {
	b.moved()
	return b.Reader.Read(p[:min(len(p), pace.Step)])
}

// WriteTo implements io.WriterTo, which would read all at one time.
func (b postBody) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{b})
}

// post sends one message and waits for the peer's answer, as long as the message
// moves. Each step of it has its timeout from the connection.
func (p *pipeline) post(payload []byte) error {
	e := p.peer.e
	base := p.peer.urls.Pick()
	if base == nil {
		return peerurls.ErrNone
	}
	ctx, cancel := context.WithCancelCause(p.peer.ctx)
	defer cancel(nil)
	patience := e.timing.Dial + e.timing.Link
	stall := time.AfterFunc(patience, func() { cancel(fmt.Errorf("%w for %v", errStalled, patience)) })
	defer stall.Stop()
	body := postBody{bytes.NewReader(payload), func() { stall.Reset(patience) }}
	target := base.JoinPath(pathPipeline).String()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, body)
	if err != nil {
		return fmt.Errorf("post to %s: %w", target, err)
	}
	// There is no GetBody: the client does not repeat the request on another
	// connection, which would deliver an outdated message.
	request.ContentLength = int64(len(payload))
	e.mark(request.Header, p.peer.id)
	request.Header.Set("Content-Type", "application/protobuf")
	response, err := p.peer.clients.pipeline.RoundTrip(request)
	if err != nil {
		p.peer.urls.Failed(base)
		return fmt.Errorf("post to %s: %w", target, err)
	}
	defer closeAnswer(response)
	err = p.peer.judge(response, func() error {
		if response.StatusCode != http.StatusNoContent {
			return answerError(response, e.self)
		}
		return nil
	})
	if err != nil {
		p.peer.urls.Failed(base)
		return fmt.Errorf("post to %s: %w", target, err)
	}
	return nil
}

package statemachinerpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// window is how many batches may be on their way; Submit waits beyond it.
const window = 8

// Applier implements statemachine.Streamer. The stream ends with ctx.
func (c *Client) Applier(ctx context.Context) (statemachine.Applier, error) {
	c.closeOwn(ctx)
	return c.openApplier(ctx)
}

func (c *Client) openApplier(ctx context.Context) (*applier, error) {
	stream, err := pluginrpc.OpenStream(ctx, &c.end, c.rpc.Apply)
	if err != nil {
		return nil, fmt.Errorf("open apply stream: %w", err)
	}
	return &applier{
		client: c, stream: stream,
		pending: make(chan expected, window),
		done:    make(chan struct{}),
		req:     pluginv1.ApplyRequest{Call: stream.Opened.Call},
	}, nil
}

// applier is one Apply stream. Encoding happens within SendMsg, so the
// request is reused.
type applier struct {
	client  *Client
	stream  *pluginrpc.HostStream[pluginv1.ApplyRequest, pluginv1.ApplyResponse] // stopped when Recv has ended
	pending chan expected                                                        // in the order of submission
	req     pluginv1.ApplyRequest

	mu     sync.Mutex
	closed bool
	done   chan struct{} // closed when Recv has ended; err is set then
	err    error
}

// expected is what the answer to one batch must be like.
type expected struct {
	seq, through uint64
	results      int
	unwanted     bool // no caller waits for the results
	// mustSkip entries at the head of the batch are certainly applied
	// already, maySkip possibly.
	mustSkip, maySkip int
	// floor and ceiling bound an applied index that is beyond through.
	floor, ceiling uint64
	prepare, hash  bool
}

// Submit implements statemachine.Applier.
func (a *applier) Submit(b statemachine.Batch, prepare bool) error {
	if err := a.check(b); err != nil {
		return err
	}
	a.req.Seq++
	select {
	case a.pending <- a.expect(b, prepare):
	case <-a.done:
		return a.err
	case <-a.stream.Done():
		return a.stream.Cause()
	}
	a.req.Entries, a.req.Through, a.req.PrepareSnapshot, a.req.NoResults = b.Entries, b.Through, prepare, b.NoResults
	a.req.Version, a.req.Hash = b.Version, b.Hash
	err := a.stream.SendMsg(&a.req)
	a.req.Entries = nil
	if err != nil {
		return fmt.Errorf("apply through %d: %w", b.Through, a.stream.SendError(err))
	}
	return nil
}

// check refuses what the other end would not accept.
func (a *applier) check(b statemachine.Batch) error {
	a.mu.Lock()
	closed, err := a.closed, a.err
	a.mu.Unlock()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if closed {
		return fmt.Errorf("apply stream: %w", plugins.ErrClosed)
	}
	return checkBatch(b, a.stream.Opened.Limits)
}

func (a *applier) expect(b statemachine.Batch, prepare bool) expected {
	c := a.client
	c.mu.Lock()
	defer c.mu.Unlock()
	e := expected{
		seq: a.req.Seq, through: b.Through, results: len(b.Entries), prepare: prepare, hash: b.Hash, unwanted: b.NoResults,
		floor: c.applied, ceiling: c.submitted,
	}
	for i := range b.Entries {
		if b.Entries[i].Index <= c.applied {
			e.mustSkip++
		}
		if b.Entries[i].Index <= c.submitted {
			e.maySkip++
		}
	}
	c.submitted = max(c.submitted, b.Through)
	return e
}

// Recv implements statemachine.Applier.
func (a *applier) Recv() (statemachine.Outcome, error) {
	out, err := a.receive()
	if err != nil {
		a.end(err)
	}
	return out, err
}

// receive waits for the next answer, of one part or more.
func (a *applier) receive() (statemachine.Outcome, error) {
	res, err := a.stream.Recv()
	if errors.Is(err, io.EOF) {
		return statemachine.Outcome{}, a.eof()
	}
	if err != nil {
		return statemachine.Outcome{}, fmt.Errorf("apply: %w", a.stream.Error(err))
	}
	select {
	case e := <-a.pending:
		if res, err = a.gather(e, res); err == nil {
			err = e.check(res)
		}
		if err != nil {
			return statemachine.Outcome{}, fmt.Errorf("apply through %d: %w", e.through, err)
		}
		return a.outcome(e, res)
	default:
		return statemachine.Outcome{}, fmt.Errorf("apply: %w", pluginrpc.Breach("SM-6", "answer %d without a batch", res.Seq))
	}
}

// gather returns the last part of an answer with the results of all of them.
// Results that no caller waits for, and those over the limits, are dropped as
// they come.
func (a *applier) gather(e expected, part *pluginv1.ApplyResponse) (*pluginv1.ApplyResponse, error) {
	var results []pluginv1.ApplyResult
	held := uint64(0)
	for {
		if err := e.checkPart(part, len(results)); err != nil {
			return nil, err
		}
		if e.unwanted {
			statemachine.DropResults(part.Results)
		}
		held = statemachine.LimitResults(part.Results, held)
		if results == nil {
			results = part.Results
		} else {
			results = append(results, part.Results...)
		}
		if !part.More {
			part.Results = results
			return part, nil
		}
		var err error
		if part, err = a.stream.Recv(); errors.Is(err, io.EOF) {
			return nil, pluginrpc.Breach("SM-13", "stream ended after %d of %d results", len(results), e.results)
		} else if err != nil {
			return nil, a.stream.Error(err)
		}
	}
}

// eof tells the expected end from an early one.
func (a *applier) eof() error {
	a.mu.Lock()
	closed := a.closed
	a.mu.Unlock()
	if n := len(a.pending); n > 0 || !closed {
		return fmt.Errorf("apply: %w", pluginrpc.Breach("SM-13", "stream ended with %d batches unanswered", n))
	}
	return io.EOF
}

func (a *applier) outcome(e expected, res *pluginv1.ApplyResponse) (statemachine.Outcome, error) {
	c := a.client
	c.mu.Lock()
	c.applied = max(c.applied, res.AppliedIndex)
	c.wake = res.Wake
	if e.hash {
		c.hash = res.Hash
	}
	err := c.durable.applied(res.DurableIndex, c.applied)
	durable := c.durable.index
	c.mu.Unlock()
	if err != nil {
		return statemachine.Outcome{}, fmt.Errorf("apply through %d: %w", e.through, err)
	}
	out := statemachine.Outcome{
		Results: res.Results, Applied: res.AppliedIndex, Wake: res.Wake, Hash: res.Hash, Durable: durable, Took: pluginrpc.Duration(res.TookNs),
	}
	if e.prepare {
		out.Snapshot = &snapshot{client: c, opened: a.stream.Opened, id: res.Snapshot, index: res.AppliedIndex}
	}
	return out, nil
}

// end records why there is nothing more to come.
func (a *applier) end(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err == nil {
		a.err = err
		close(a.done)
		a.stream.Stop()
	}
}

// Close implements statemachine.Applier.
func (a *applier) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil
	}
	a.closed = true
	return a.stream.CloseSend()
}

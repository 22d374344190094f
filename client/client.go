package client

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/wake"
)

// A Client talks to one cluster. Its methods may be called from any number of
// goroutines. Errors are *Error.
type Client struct {
	opts    Options
	conns   conns
	waiters waiters
	pacing  pacing
	begin   time.Time

	// ctx ends with Close.
	ctx    context.Context
	cancel context.CancelFunc

	// current is the pipeline that new proposals join; nil while there is
	// none.
	current atomic.Pointer[pipeline]
	// poke holds a token while the session has something to look at, hint
	// the leader's address that a host has given.
	poke chan struct{}
	hint atomic.Pointer[string]

	// running are the session and its pipelines.
	running sync.WaitGroup

	mu sync.Mutex
	// changed is closed, and replaced, when current or lastErr change.
	changed chan struct{}
	// lastErr is why there is no pipeline.
	lastErr *Error
	started bool
	closed  bool
}

// New makes a client. It connects when it is first used; an error is one of
// the options.
func New(o Options) (*Client, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{
		opts: o, conns: conns{opts: o}, begin: time.Now(),
		poke: make(chan struct{}, 1), changed: make(chan struct{}),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// Close ends all calls and connections and waits for the client's goroutines.
// Proposals in flight are unknown.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.conns.close()
	c.running.Wait()
	return nil
}

// now is the client's clock in nanoseconds.
func (c *Client) now() int64 { return int64(time.Since(c.begin)) }

// deadline is when a call that begins now has to end.
func (c *Client) deadline(ctx context.Context) int64 {
	left := c.opts.RequestTimeout
	if d, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(d))
	}
	return c.now() + int64(left)
}

// Propose replicates data and returns the state machine's answer. Data must
// not change until Propose returns. See the package comment for what an error
// says.
func (c *Client) Propose(ctx context.Context, data []byte) (Result, error) {
	if ctx.Err() != nil {
		return Result{}, ended(ctx, NotApplied, nil)
	}
	deadline := c.deadline(ctx)
	if err := c.pace(ctx, deadline, len(data)); err != nil {
		return Result{}, err
	}
	if len(data) > aloneBytes {
		return c.proposeAlone(ctx, deadline, data)
	}
	var last *Error
	for try := 0; ; {
		p, err := c.pipeline(ctx, deadline, last)
		if err != nil {
			return Result{}, err
		}
		result, fail, ok := p.propose(ctx, data, deadline)
		switch {
		case !ok:
			continue
		case fail == nil:
			return result, nil
		case !fail.retryable():
			return Result{}, fail
		}
		last = fail
		c.pacing.refused(fail, len(data), c.now())
		c.learnFrom(p, fail)
		if err := c.pause(ctx, deadline, try, last); err != nil {
			return Result{}, err
		}
		try++
	}
}

// learnFrom takes what a refusal says about where to go.
func (c *Client) learnFrom(p *pipeline, e *Error) {
	switch {
	case e.LeaderAddress != "" && e.LeaderAddress != p.endpoint && !c.opts.AnyMember:
		c.hint.Store(&e.LeaderAddress)
	case e.Reason == "stopping" || e.Reason == "not_ready":
		p.leaving.Store(true)
	default:
		return
	}
	wake.Up(c.poke)
}

// pause waits before try+1 as long as the host asked for, or longer with each
// try. It returns an error if there is no time left for another one.
func (c *Client) pause(ctx context.Context, deadline int64, try int, last *Error) error {
	wait := backoffMin << min(try, 10)
	wait = max(min(wait, backoffMax), last.RetryAfter)
	wait += time.Duration((rand.Float64() - 0.5) / 2 * float64(wait))
	wait = max(wait, last.RetryAfter)
	if left := time.Duration(deadline - c.now()); wait > left {
		return ended(ctx, NotApplied, last)
	}
	return c.sleep(ctx, wait, last)
}

// sleep waits that long, or returns an error because the call or the client ends
// before. Last is what kept the call from succeeding earlier; nil if nothing did.
func (c *Client) sleep(ctx context.Context, wait time.Duration, last *Error) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ended(ctx, NotApplied, last)
	case <-c.ctx.Done():
		return closedError()
	}
}

// pipeline returns an open pipeline, waiting for one if need be.
func (c *Client) pipeline(ctx context.Context, deadline int64, last *Error) (*pipeline, error) {
	if p := c.current.Load(); p != nil && p.open() {
		return p, nil
	}
	left := time.Duration(deadline - c.now())
	timer := time.NewTimer(max(left, 0))
	defer timer.Stop()
	for {
		changed, err := c.watch()
		if err != nil {
			return nil, err
		}
		if p := c.current.Load(); p != nil && p.open() {
			return p, nil
		}
		if why := c.reason(nil); why.barred() {
			return nil, why
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ended(ctx, NotApplied, c.reason(last))
		case <-timer.C:
			return nil, ended(ctx, NotApplied, c.reason(last))
		case <-c.ctx.Done():
			return nil, closedError()
		}
	}
}

// watch starts the session if this is the first use, and returns what is
// closed at its next change.
func (c *Client) watch() (<-chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, closedError()
	}
	if !c.started {
		c.started = true
		s := &session{c: c}
		c.running.Go(s.run)
	}
	return c.changed, nil
}

// reason is why there is no pipeline, or else last.
func (c *Client) reason(last *Error) *Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lastErr != nil {
		return c.lastErr
	}
	return last
}

// publish makes p, or nil because of err, what new proposals find.
func (c *Client) publish(p *pipeline, err *Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current.Store(p)
	c.lastErr = err
	close(c.changed)
	c.changed = make(chan struct{})
}

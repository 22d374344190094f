package httptransport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/seal"
)

// Why a snapshot that comes in parts ends without all of them.
var (
	errAbandoned  = errors.New("the sender gave the snapshot up")
	errNoProgress = errors.New("the sender did not come back with the rest of the snapshot")
	errOver       = errors.New("the snapshot is over")
)

// transferKey names a transfer: its sender, and the number it chose.
type transferKey struct{ from, number uint64 }

// A transfer is a snapshot that comes in parts, each of them a request of its
// own, and that outlives each of them. The host reads it as one stream: where a
// part ends or breaks, Read waits for the next one, which begins exactly there.
// Nothing is kept on the way: the bytes go from the request to the host.
type transfer struct {
	key      transferKey
	patience time.Duration // how long Read waits for the next part
	ctx      context.Context
	cancel   context.CancelFunc // ends the host's call
	// check, left and rest are of the one goroutine that reads.
	check *seal.Check
	left  time.Duration // that waiting for the rest of the step may take
	rest  int           // of the step

	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, with every change below
	part    *part         // being read
	reading bool          // a Read is in part's body
	offset  uint64        // bytes the host has
	end     error         // what Read answers from now on: io.EOF if all is here
	verdict *standing     // the verdict, once there is one
}

// A standing is what the sender is told of its transfer.
type standing struct {
	code   int
	offset uint64
	reason error // of codes from 400 on
}

// part is one request of a transfer. Its handler waits for done, which is
// closed when its body is not read any more.
type part struct {
	body   *receivedBody
	offset uint64
	whole  bool // the body has ended as it must; set before done is closed
	done   chan struct{}
}

func newTransfer(ctx context.Context, key transferKey, size uint64, patience time.Duration) *transfer {
	t := &transfer{
		key: key, patience: patience, check: seal.NewCheck(size),
		left: stepPatience * patience, rest: pace.Step, changed: make(chan struct{}),
	}
	t.ctx, t.cancel = context.WithCancel(ctx)
	return t
}

// read reads from the part's body.
func (p *part) read(buf []byte) (int, error) {
	n, err := p.body.in.Read(buf)
	if errors.Is(err, io.EOF) {
		// net/http goes on reading, to notice a sender that has gone.
		_ = p.body.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// stepPatience is for how many times its patience a transfer waits for one step,
// whatever it waits for: a sender that comes back in time, with a byte each time,
// must not keep a place among the snapshots for ever.
const stepPatience = 4

// Read implements io.Reader for the host, which calls it from one goroutine.
// It ends with io.EOF only if size and checksum are right.
func (t *transfer) Read(buf []byte) (int, error) {
	began := time.Now()
	n, err := t.read(buf)
	t.left -= time.Since(began)
	if t.rest -= n; t.rest <= 0 {
		t.left, t.rest = stepPatience*t.patience, pace.Step
	}
	return n, err
}

func (t *transfer) read(buf []byte) (int, error) {
	for {
		p, err := t.await()
		if err != nil {
			return 0, err
		}
		n, err := p.read(buf)
		t.took(p, buf[:n], err)
		if n > 0 {
			return n, nil
		}
	}
}

// await waits for a part and begins to read it.
func (t *transfer) await() (*part, error) {
	var late <-chan time.Time
	for {
		t.mu.Lock()
		p, end, changed := t.part, t.end, t.changed
		t.reading = end == nil && p != nil
		t.mu.Unlock()
		switch {
		case end != nil:
			return nil, end
		case p != nil:
			return p, nil
		case late == nil:
			timer := time.NewTimer(min(t.patience, t.left))
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-changed:
		case <-late:
			t.fail(errNoProgress)
		case <-t.ctx.Done():
			t.fail(plugins.ErrClosed)
		}
	}
}

// took notes what was read, and the end of the part.
func (t *transfer) took(p *part, b []byte, err error) {
	damage := t.check.Took(b)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reading = false
	t.offset = t.check.Got()
	switch {
	case t.end != nil:
	case damage != nil:
		t.end = damage
	case errors.Is(err, io.EOF):
		p.whole = true
		// Only the last part has the checksum.
		if sum := p.body.request.Trailer.Get(headerSnapshotSHA256); sum != "" {
			t.end = t.check.EndWith(sum)
		}
	}
	if err != nil || t.end != nil || p.body.stopped.Load() {
		t.drop()
	}
	t.change()
}

// change needs t.mu.
func (t *transfer) change() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// drop gives the part back to its handler. It needs t.mu, and no read under
// way.
func (t *transfer) drop() {
	if t.part != nil {
		close(t.part.done)
		t.part = nil
	}
}

// free makes sure that no part is being read, or returns a channel to wait for
// before asking again. It needs t.mu.
func (t *transfer) free() <-chan struct{} {
	if t.reading {
		t.part.body.stop()
		return t.changed
	}
	t.drop()
	return nil
}

// attach makes p the part to be read, in the place of the one before it, whose
// connection must be dead or the sender would not have sent another.
func (t *transfer) attach(ctx context.Context, p *part) *standing {
	for {
		busy, refusal := t.tryAttach(p)
		if busy == nil {
			return refusal
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return &standing{code: http.StatusServiceUnavailable, reason: ctx.Err()}
		}
	}
}

func (t *transfer) tryAttach(p *part) (busy <-chan struct{}, refusal *standing) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.verdict != nil:
		return nil, t.verdict
	case t.end != nil:
		return nil, &standing{code: http.StatusAccepted}
	}
	if busy := t.free(); busy != nil {
		return busy, nil
	}
	if p.offset != t.offset {
		return nil, &standing{code: http.StatusConflict, offset: t.offset, reason: fmt.Errorf("bytes from %d on, not from %d", p.offset, t.offset)}
	}
	t.part = p
	t.change()
	return nil, nil
}

// fail ends the transfer, unless it has ended.
func (t *transfer) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.end == nil {
		t.end = err
	}
	if t.verdict == nil {
		t.free()
	}
	t.change()
	t.cancel()
}

// decide notes the verdict. The host does not read any more.
func (t *transfer) decide(a standing) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.end == nil {
		t.end = errOver
	}
	a.offset = t.offset
	t.verdict = &a
	t.drop()
	t.change()
}

// state is what the sender can be told at once.
func (t *transfer) state() standing {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.verdict != nil:
		return *t.verdict
	case t.end != nil:
		return standing{code: http.StatusAccepted, offset: t.offset}
	default:
		return standing{code: http.StatusOK, offset: t.offset}
	}
}

// settle answers a sender that asks how far it has come: no part is being read
// any more then. When all is here it waits a little for the verdict.
func (t *transfer) settle(ctx context.Context, wait time.Duration) standing {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		t.mu.Lock()
		changed := t.changed
		settled := t.verdict != nil
		if t.end == nil {
			settled = t.free() == nil
		}
		t.mu.Unlock()
		if settled {
			return t.state()
		}
		select {
		case <-changed:
		case <-timer.C:
			return t.state()
		case <-ctx.Done():
			return t.state()
		}
	}
}

// ending is how the transfer ended for its reader; nil if it has not.
func (t *transfer) ending() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.end
}

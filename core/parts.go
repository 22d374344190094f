package core

import (
	"context"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// partAge is for how long the beginning of a snapshot is kept for its rest.
func partAge(election time.Duration) time.Duration { return 10 * progressTimeout(election) }

// A part is the beginning of a snapshot, as far as it has come: bytes in the storage, which
// has not been told to keep them, and the sum of them so far. It is known by the SHA-256 of
// the whole, so that it does not matter which member sends the rest.
type part struct {
	sum      string // of the whole; empty if that is not known
	received bool   // as CreateSnapshot was told
	own      *server.SnapshotHeader
	w        *server.SummedWriter
	bytes    uint64
	broken   bool // a write has failed
	reminded bool // a sender that did not know of it was told

	cancel context.CancelFunc // ends a write that hangs, and with it the part
	limit  time.Duration
}

// newPart begins one in the storage. It lives as long as the generation, and not as the
// call with which it comes; ctx bounds the beginning alone.
func (g *generation) newPart(ctx context.Context, meta storage.SnapshotMetadata, sum string, received bool) (*part, error) {
	life, cancel := context.WithCancel(g.working)
	stop := context.AfterFunc(ctx, cancel)
	created, err := g.storage.CreateSnapshot(life, meta, received)
	if stopped := stop(); err == nil && !stopped {
		err = context.Cause(ctx)
		_ = created.Abort() // its stream has ended
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return &part{sum: sum, received: received, w: server.NewSummedWriter(created), cancel: cancel, limit: progressTimeout(g.h.cfg.Election)}, nil
}

// Write implements io.Writer.
func (p *part) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.bytes += uint64(n)
	p.broken = p.broken || err != nil
	return n, err
}

// within bounds what the storage still does for the part once ctx has ended, until stop.
func (p *part) within(ctx context.Context) (stop func()) {
	over, end := context.WithCancel(context.Background())
	context.AfterFunc(ctx, func() {
		late := time.AfterFunc(p.limit, p.cancel)
		context.AfterFunc(over, func() { late.Stop() })
	})
	return end
}

// abort removes what is in the storage, unless it was committed.
func (p *part) abort() {
	late := time.AfterFunc(p.limit, p.cancel)
	_ = p.w.Abort() // the next Open of the storage removes it otherwise
	late.Stop()
	p.cancel()
}

// parts keeps one part, for a while, and tells the node of it.
type parts struct {
	tell func(node.Kept)

	mu     sync.Mutex
	kept   *part
	timer  *time.Timer // drops it
	closed bool
}

// keep keeps p, in the place of what there is, unless that is more of the same.
func (k *parts) keep(p *part, age time.Duration) {
	k.mu.Lock()
	before := k.kept
	if k.closed || before != nil && before.sum == p.sum && before.bytes > p.bytes {
		before = p
	} else {
		k.stop()
		k.set(p)
		k.timer = time.AfterFunc(age, func() { k.drop(p) })
	}
	k.mu.Unlock()
	if before != nil {
		before.abort()
	}
}

// set needs k.mu.
func (k *parts) set(p *part) {
	k.kept = p
	if p == nil {
		k.tell(node.Kept{})
	} else {
		k.tell(node.Kept{Sum: p.sum, Bytes: p.bytes})
	}
}

// stop needs k.mu.
func (k *parts) stop() {
	if k.timer != nil {
		k.timer.Stop()
	}
}

// reminds tells, once for each part, whether a snapshot that begins anew has a beginning
// here: its sender has not heard of that yet.
func (k *parts) reminds(sum string, received bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.kept
	if p == nil || p.sum != sum || p.received != received || p.reminded {
		return false
	}
	p.reminded = true
	return true
}

// take is the part that is kept of that snapshot, if it ends at offset; nil if there is
// none. It is kept no more.
func (k *parts) take(sum string, offset uint64, received bool) *part {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.kept
	if p == nil || p.sum != sum || p.bytes != offset || p.received != received {
		return nil
	}
	k.stop()
	k.set(nil)
	return p
}

// drop gives p up, if it is still kept; nil stands for any.
func (k *parts) drop(p *part) {
	k.mu.Lock()
	kept := k.kept
	if kept == nil || p != nil && kept != p {
		k.mu.Unlock()
		return
	}
	k.stop()
	k.set(nil)
	k.mu.Unlock()
	kept.abort()
}

// close gives up what is kept, and keeps nothing any more.
func (k *parts) close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.drop(nil)
}

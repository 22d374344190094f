package server

import (
	"fmt"
	"sync"
	"time"
)

// holdFactor is how many times CatchUpBytes a snapshot that is being sent may
// hold back of the log. It is as far as retention looks back.
const holdFactor = 4

// hold is a snapshot that is being sent, for which the log is kept.
type hold struct {
	index uint64
	since time.Time
	total uint64 // bytes that had been applied then
	lost  func(error)
}

// Hold keeps the log from index on until release is called, for a follower
// that is being sent the snapshot at index. A receiver that trickles would keep
// it for ever: if more than holdFactor times CatchUpBytes are applied meanwhile
// the log goes on without it, and lost is called, once, with the reason. It must
// not wait.
func (s *Server) Hold(index uint64, lost func(error)) (release func()) {
	p := s.snapshots
	p.mu.Lock()
	defer p.mu.Unlock()
	h := &hold{index: index, since: time.Now(), total: p.kept.total, lost: lost}
	p.sending[h] = struct{}{}
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.sending, h)
	})
}

// holdLimit is the most bytes that one snapshot may hold back.
func (p *snapshotter) holdLimit() uint64 { return holdFactor * p.s.cfg.CatchUpBytes }

// held lowers the index up to which the log may go to what snapshots being sent
// need, and ends those that have held it back for too long. It needs p.mu.
func (p *snapshotter) held(to uint64) uint64 {
	for h := range p.sending {
		if bytes := p.kept.total - h.total; h.index < to && bytes > p.holdLimit() {
			delete(p.sending, h)
			p.s.metrics.overtaken.Inc()
			h.lost(fmt.Errorf("snapshot %d has been on its way for %v and held back %d bytes of the log, at most %d: the log goes on without it. "+
				"See to the link, or raise raft.catch_up_bytes", h.index, time.Since(h.since).Round(time.Second), bytes, p.holdLimit()))
			continue
		}
		to = min(to, h.index)
	}
	return to
}

// heldMost is the snapshot being sent that holds back most of the log, and how
// many bytes; nil if there is none.
func (p *snapshotter) heldMost() (most *hold, bytes uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for h := range p.sending {
		if n := p.kept.total - h.total; most == nil || n > bytes {
			most, bytes = h, n
		}
	}
	return most, bytes
}

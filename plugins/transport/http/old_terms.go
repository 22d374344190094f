package httptransport

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

// The entries stream is one of a single term, so both of its ends have to know
// raft's terms. They learn them from the messages that this node sends.

// oldTerms is what a peer's messages tell of terms. All methods may be called
// at any time by anyone.
type oldTerms struct {
	leading atomic.Uint64 // the newest term in which the peer was sent appends

	mu      sync.Mutex
	acked   uint64        // the newest term in which the peer's appends were accepted
	changed chan struct{} // closed when acked rises
}

func newOldTerms() *oldTerms { return &oldTerms{changed: make(chan struct{})} }

// sent notes a message to the peer.
func (o *oldTerms) sent(payload []byte) {
	s, err := raftmsg.Scan(payload)
	if err != nil {
		return // it will be reported where it is encoded
	}
	switch {
	case s.Kind == raftmsg.TypeApp:
		raise(&o.leading, s.Term)
	case s.Kind == raftmsg.TypeAppResp && s.Plain: // a rejection is not plain
		o.accepted(s.Term)
	}
}

func raise(v *atomic.Uint64, to uint64) {
	for now := v.Load(); now < to; now = v.Load() {
		if v.CompareAndSwap(now, to) {
			return
		}
	}
}

func (o *oldTerms) accepted(term uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if term <= o.acked {
		return
	}
	o.acked = term
	close(o.changed)
	o.changed = make(chan struct{})
}

// acknowledged is the newest term in which the peer is known to lead, 0 if
// none is, and what is closed when there is a newer one.
func (o *oldTerms) acknowledged() (uint64, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.acked, o.changed
}

// await waits until there is such a term, or ctx ends.
func (o *oldTerms) await(ctx context.Context) (term uint64, newer <-chan struct{}) {
	for {
		term, newer = o.acknowledged()
		if term > 0 {
			return term, newer
		}
		select {
		case <-newer:
		case <-ctx.Done():
			return 0, newer
		}
	}
}

// entriesTerm decides what may go over one entries stream.
type entriesTerm struct {
	link raftmsg.Link
	term uint64

	mu     sync.Mutex
	last   uint64 // index of the last entry that was let on it
	commit uint64 // the highest commit index of what was
}

// A fate is what is to become of a message.
type fate int

const (
	elsewhere fate = iota // it needs another channel
	carried               // the stream says all that the message does, or leaves only the commit to raft's next heartbeat
	outlived              // the message is of a newer term: the stream is over
)

// judge looks at a message for the stream. One without entries, at the place
// where the stream is, has nothing to say but how far the leader has
// committed. It becomes a frame without entries, which the peer takes for a
// heartbeat: over the pipeline it could overtake the entries, and be rejected
// for want of them. If it has not even that to say, it asks whether the entries
// have arrived, and must get there.
func (t *entriesTerm) judge(payload []byte) fate {
	s, err := raftmsg.Scan(payload)
	if err != nil || s.Kind != raftmsg.TypeApp {
		return elsewhere
	}
	if s.Term > t.term {
		return outlived
	}
	last, err := s.LastIndex()
	if err != nil || !s.Plain || s.From != t.link.From || s.To != t.link.To ||
		s.Index == 0 || s.Term != t.term || s.LogTerm != t.term || last != s.Index+uint64(s.Entries) {
		return elsewhere
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.Entries == 0 && (s.Index != t.last || s.Commit <= t.commit) {
		return elsewhere
	}
	t.last, t.commit = last, max(t.commit, s.Commit)
	return carried
}

// takes reports whether the stream can carry a message. It ends a stream whose
// term is over.
func (w *streamWriter) takes(payload []byte) bool {
	if w.of == nil {
		return true
	}
	switch w.of.judge(payload) {
	case carried:
		return true
	case outlived:
		w.cancel()
	}
	return false
}

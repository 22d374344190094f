package server

import (
	"context"
	"encoding/binary"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/wake"
)

// readRounds asks raft for the read index, one round at a time: all reads that
// come while a round is under way share the next one.
type readRounds struct {
	s    *Server
	boot uint64
	wake chan struct{}
	lost chan struct{} // holds a token if the transport has lost what goes to the leader

	mu      sync.Mutex
	count   uint64 // of all tries of this process
	next    *readRound
	current *readRound
}

// readRound is a question to raft, asked until it is answered, and those who wait for
// the answer. All of them waited before the first try, so the answer to any try is
// right for them: it is of what was committed when the leader took that try.
type readRound struct {
	first uint64 // the count of the first try; 0 before it
	index uint64
	done  chan struct{}
}

func newReadRounds(s *Server, boot uint64) *readRounds {
	return &readRounds{s: s, boot: boot, wake: make(chan struct{}, 1), lost: make(chan struct{}, 1), next: &readRound{done: make(chan struct{})}}
}

// join waits for a round that starts after the call and returns its index. When
// nothing is applied any more, there is nothing to wait for: ErrStopping.
func (r *readRounds) join(ctx context.Context) (uint64, error) {
	r.mu.Lock()
	round := r.next
	r.mu.Unlock()
	wake.Up(r.wake)
	select {
	case <-round.done:
		return round.index, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-r.s.queue.done:
		return 0, ErrStopping
	}
}

// run drives the rounds.
func (r *readRounds) run() {
	for {
		select {
		case <-r.s.stop:
			return
		case <-r.wake:
		}
		r.mu.Lock()
		r.current, r.next = r.next, &readRound{done: make(chan struct{})}
		round := r.current
		r.mu.Unlock()
		if !r.ask(round) {
			return
		}
	}
}

const (
	// lostElections are the parts of an election timeout after which a question is
	// asked again though nothing says that it or its answer was lost. On a path whose
	// round trip is longer the answer to the first try comes all the same.
	lostElections = 2
	// lossElections are those that lie between two tries at least, if the transport
	// says that it loses what goes to the leader.
	lossElections = 20
)

// ask repeats the question until it is answered: an answer gets lost with a leader,
// or with a connection. Every try has a context of its own (reliability notes,
// finding 9). A new leader is asked at once.
func (r *readRounds) ask(round *readRound) bool {
	retry := time.NewTimer(0)
	defer retry.Stop()
	var asked time.Time
	reign := r.s.reigns.Load().number
	for {
		changed := r.s.changed.next()
		if now := r.s.reigns.Load(); now.number != reign {
			if reign = now.number; now.leader != 0 {
				retry.Reset(0)
			}
		}
		select {
		case <-round.done:
			return true
		case <-r.s.stop:
			return false
		case <-changed:
		case <-r.lost:
			retry.Reset(time.Until(asked.Add(r.s.cfg.Election / lossElections)))
		case <-retry.C:
			asked = time.Now()
			r.try(round)
			retry.Reset(r.s.cfg.Election / lostElections)
		}
	}
}

// try asks once, with a context that was never used before.
func (r *readRounds) try(round *readRound) {
	n, _ := r.s.attached()
	if n == nil {
		return
	}
	r.mu.Lock()
	r.count++
	context := r.contextOf(r.count)
	if round.first == 0 {
		round.first = r.count
	}
	r.mu.Unlock()
	n.Do(func(c *node.Core) error { return c.ReadIndex(context) })
}

const readContextBytes = 24

// contextOf is this member, its process and the number of the try.
func (r *readRounds) contextOf(count uint64) []byte {
	b := make([]byte, 0, readContextBytes)
	b = binary.BigEndian.AppendUint64(b, uint64(r.s.cfg.ID))
	b = binary.BigEndian.AppendUint64(b, r.boot)
	return binary.BigEndian.AppendUint64(b, count)
}

// isOf tells whether a context is that of a try of this round. Callers hold mu.
func (r *readRounds) isOf(round *readRound, context []byte) bool {
	if round == nil || round.first == 0 || len(context) != readContextBytes {
		return false
	}
	count := binary.BigEndian.Uint64(context[readContextBytes-8:])
	return count >= round.first && count <= r.count && string(context) == string(r.contextOf(count))
}

// Read implements the node's port.
func (s *Server) Read(read node.Read) {
	r := s.reads
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.current; r.isOf(c, read.Context) {
		c.index = read.Index
		close(c.done)
		r.current = nil
	}
}

// Lost says that messages to a member were lost, or those that it sent. If it is the
// leader, the question of a round of reads is asked again, soon, and a request that
// times out says so.
func (s *Server) Lost(id member.ID) {
	reign := s.reigns.Load()
	if id != reign.leader {
		return
	}
	s.broken.Store(&brokenPath{reign.number, time.Now()})
	wake.Up(s.reads.lost)
}

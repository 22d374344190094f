package etcd36

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// patience bounds a test that fails, not one that succeeds.
const patience = 60 * time.Second

// seen is what a node's transport told it.
type seen struct {
	changed chan struct{} // capacity 1

	guard     sync.Mutex
	messages  [][]byte
	reportsOf map[uint64]int
	finished  int // snapshots that arrived
	failed    int // snapshots that did not
	report    func(id uint64)
}

func newSeen() *seen { return &seen{changed: make(chan struct{}, 1), reportsOf: map[uint64]int{}} }

func (s *seen) change(f func()) {
	s.guard.Lock()
	f()
	s.guard.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *seen) received(m raftpb.Message) {
	b := normal(m)
	s.change(func() { s.messages = append(s.messages, b) })
}

func (s *seen) lost(id uint64) {
	var report func(uint64)
	s.change(func() {
		s.reportsOf[id]++
		report = s.report
	})
	if report != nil {
		report(id)
	}
}

// reports passes every report of an unreachable peer on to f.
func (s *seen) reports(f func(id uint64)) { s.change(func() { s.report = f }) }

func (s *seen) ended(well bool) {
	s.change(func() {
		if well {
			s.finished++
		} else {
			s.failed++
		}
	})
}

// times is how often a message arrived.
func (s *seen) times(m raftpb.Message) int {
	b := normal(m)
	s.guard.Lock()
	defer s.guard.Unlock()
	n := 0
	for _, other := range s.messages {
		if bytes.Equal(b, other) {
			n++
		}
	}
	return n
}

func (s *seen) reported(id uint64) int {
	s.guard.Lock()
	defer s.guard.Unlock()
	return s.reportsOf[id]
}

func (s *seen) snapshots() (finished, failed int) {
	s.guard.Lock()
	defer s.guard.Unlock()
	return s.finished, s.failed
}

// await waits for a condition, looking again whenever something changed.
// again, if not nil, is done before each look that is not the first.
func (s *seen) await(t testing.TB, what string, condition func() bool, again func()) {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		if again != nil {
			again()
		}
		select {
		case <-s.changed:
		case <-ticker.C:
		case <-timeout.C:
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// normal is a message's encoding; an empty snapshot means none.
func normal(m raftpb.Message) []byte {
	if m.Snapshot != nil && raft.IsEmptySnap(*m.Snapshot) {
		m.Snapshot = nil
	}
	return encode(m)
}

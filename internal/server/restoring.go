package server

import (
	"sync"
	"time"
)

// restoring is a Restore under way, and how it gets on.
type restoring struct {
	index, size uint64

	mu     sync.Mutex
	moved  time.Time // when it was last given bytes, or began
	asking bool      // it waits for bytes: that is the storage's affair
	read   uint64
}

// ask notes that the state machine wants more.
func (r *restoring) ask() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asking = true
}

// given notes that it got so many bytes.
func (r *restoring) given(bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asking, r.moved = false, time.Now()
	r.read += uint64(bytes)
}

// A RestoreStall is a Restore that the state machine does not get on with.
type RestoreStall struct {
	// Index is the snapshot's, Bytes its size and Read how much of that the state
	// machine has taken.
	Index, Bytes, Read uint64
	// For is how long it has taken nothing more, and not answered either.
	For time.Duration
}

// RestoreStalled tells how a Restore stands still; the zero value says that none is
// under way, or that it waits for the storage.
func (s *Server) RestoreStalled() RestoreStall {
	r := s.restoring.Load()
	if r == nil {
		return RestoreStall{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asking {
		return RestoreStall{}
	}
	return RestoreStall{Index: r.index, Bytes: r.size, Read: r.read, For: time.Since(r.moved)}
}

// beginRestore has the watchdog look at a Restore until the function that it returns
// is called.
func (s *Server) beginRestore(index, size uint64) (r *restoring, end func()) {
	r = &restoring{index: index, size: size, moved: time.Now()}
	s.restoring.Store(r)
	return r, func() { s.restoring.Store(nil) }
}

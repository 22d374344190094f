package wal

// kill ends the store as kill -9 ends a process: nothing more is written, and
// the lock is free.
func (s *store) kill() {
	s.mu.Lock()
	s.phase = phaseClosed
	s.mu.Unlock()
	s.calls.Wait()
	s.shelf.Close()
	s.journal.upkeep.end()
	_ = s.journal.abandon()
	_ = s.lock.Close()
	_ = s.fs.Close()
}

package kv

import "bytes"

// deadline is when a key expires, by the time of the log.
type deadline struct {
	at  uint64
	rec *record
}

func sooner(a, b deadline) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	return bytes.Compare(a.rec.key, b.rec.key) < 0
}

// mind notes that a key expires.
func (s *store) mind(at uint64, rec *record) {
	s.deadlines.ReplaceOrInsert(deadline{at, rec})
	s.mortals++
}

// forget takes a key out of the sum that is gone, or was set anew, and its deadline away.
func (s *store) forget(old *record) {
	s.sum -= old.sum
	if old.mortal {
		s.deadlines.Delete(deadline{old.expires(), old})
		s.mortals--
	}
}

// expire deletes the keys whose deadline an entry of the given time has reached, at one
// revision. It is done before the entry itself is applied, so an expired key is gone
// for that too.
func (s *store) expire(time uint64) {
	next := s.revision + 1
	for {
		first, some := s.deadlines.Min()
		if !some || first.at > time {
			break
		}
		s.keys.Delete(newSlot(first.rec))
		s.forget(first.rec)
		s.revision = next
		s.history.gone(next, first.rec.key, true)
	}
}

// NextTimer implements statemachine.Timer: it is the first deadline.
func (m *machine) NextTimer() uint64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.usable() != nil {
		return 0
	}
	first, _ := m.store.deadlines.Min()
	return first.at
}

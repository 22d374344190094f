package api

import "sync"

// A handedBytes are the large answers that gRPC was given and has not written, by the
// address of their clients.
type handedBytes struct {
	mu sync.Mutex
	by map[string]int64
}

func (h *handedBytes) add(address string, size int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.by == nil {
		h.by = map[string]int64{}
	}
	if h.by[address] += size; h.by[address] == 0 {
		delete(h.by, address)
	}
}

func (h *handedBytes) of(address string) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.by[address]
}

// hand counts a large answer until it is written.
func (m *meter) hand(size int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handed += size
	m.all.handed.add(m.address, size)
	m.noteLocked()
}

// backlog is what waits for the client.
func (m *meter) backlog() backlog {
	m.mu.Lock()
	defer m.mu.Unlock()
	return backlog{m.handed, m.all.handed.of(m.address)}
}

// writtenLocked takes bytes of answers off what is counted. Those of small answers
// are taken for those of large ones.
func (m *meter) writtenLocked(bytes int64) {
	gone := min(m.handed, bytes)
	if gone == 0 {
		return
	}
	m.handed -= gone
	m.all.handed.add(m.address, -gone)
	m.all.results.Add(-gone)
}

// owesLocked tells whether an answer may wait. What was handed for streams that were
// broken off is forgotten then: which those were nothing tells.
func (m *meter) owesLocked() bool {
	for _, u := range m.open {
		if !u.served {
			return true
		}
	}
	return false
}

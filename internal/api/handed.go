package api

import (
	"context"
	"runtime"
	"sync"

	"google.golang.org/grpc/mem"
)

// A handedBytes are the large answers that are being written, by the address of their
// clients.
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

// A handedAnswer is a large answer on its way out. It counts until gRPC, or the handler
// of JSON, lets go of its data: when all of them are written, or are not to be.
type handedAnswer struct {
	of   *meter
	size int64
}

// hand counts an answer that is handed on to be written.
func (m *meter) hand(size int64) *handedAnswer {
	a := &handedAnswer{m, size}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isDone {
		m.all.results.Add(-size)
		return a
	}
	m.owed[a] = struct{}{}
	m.handed += size
	m.all.handed.add(m.address, size)
	return a
}

// gone ends the count of an answer. It may be called twice.
func (a *handedAnswer) gone() {
	a.of.mu.Lock()
	defer a.of.mu.Unlock()
	a.of.forgetLocked(a)
}

func (m *meter) forgetLocked(a *handedAnswer) {
	if _, counts := m.owed[a]; !counts {
		return
	}
	delete(m.owed, a)
	m.handed -= a.size
	m.all.handed.add(m.address, -a.size)
	m.all.results.Add(-a.size)
}

// forgetAllLocked ends the count of all answers, with the connection.
func (m *meter) forgetAllLocked() {
	for a := range m.owed {
		m.forgetLocked(a)
	}
}

// backlog is what waits for the client.
func (m *meter) backlog() backlog {
	m.mu.Lock()
	defer m.mu.Unlock()
	return backlog{m.handed, m.all.handed.of(m.address)}
}

// A letGo stands for the pool to which gRPC gives the data of an answer back, and keeps
// none: their return ends the count of the answer.
type letGo struct {
	mem.NopBufferPool
	answer *handedAnswer
}

// Put implements mem.BufferPool.
func (l *letGo) Put(*[]byte) { l.answer.gone() }

// buffer is the data as gRPC is given them. At one moment in the end of a stream gRPC
// drops a buffer and does not free it. The collection of garbage ends its count then.
func (a *handedAnswer) buffer(data []byte) mem.Buffer {
	l := &letGo{answer: a}
	runtime.AddCleanup(l, (*handedAnswer).gone, a)
	return mem.NewBuffer(&data, l)
}

// A countedAnswer is the answer to a call with the count of its data.
type countedAnswer struct {
	message any
	handed  *handedAnswer
}

// An outgoing has the count of the answer to a request, once there is a large one.
type outgoing struct{ handed *handedAnswer }

type outgoingKey struct{}

// withOutgoing is ctx of a request with a place for the count of its answer.
func withOutgoing(ctx context.Context) (context.Context, *outgoing) {
	o := &outgoing{}
	return context.WithValue(ctx, outgoingKey{}, o), o
}

// counted is the answer to the call as the codec is given it.
func (o *outgoing) counted(answer any) any {
	if o.handed == nil {
		return answer
	}
	return &countedAnswer{answer, o.handed}
}

// gone ends the count of the answer, if there is one.
func (o *outgoing) gone() {
	if o.handed != nil {
		o.handed.gone()
	}
}

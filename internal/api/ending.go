package api

import (
	"sync"
	"sync/atomic"

	"github.com/pontoon-raft/pontoon/internal/server"
)

// ending is how far a server's end has come. First it drains: new requests
// are refused. Then it stops: streams end as soon as all that was read from
// them is answered.
type ending struct {
	draining atomic.Bool
	once     sync.Once
	stopping chan struct{}
}

func newEnding() *ending { return &ending{stopping: make(chan struct{})} }

func (e *ending) drain() { e.draining.Store(true) }

func (e *ending) stop() {
	e.drain()
	e.once.Do(func() { close(e.stopping) })
}

// refusal is the error for a new request, nil while there is none.
func (e *ending) refusal() error {
	if e.draining.Load() {
		return &server.Error{Err: server.ErrStopping}
	}
	return nil
}

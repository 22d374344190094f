package server

import (
	"context"
	"sync"
	"time"
)

const (
	// queriesAtOnce is how many queries the state machine has at a time: the answer
	// of each may be as large as a batch, and is made before its client shows
	// whether it takes it.
	queriesAtOnce = 32
	// queryPlace is for how long a query that is not answered counts for that. Those
	// that hang keep the others waiting for no longer.
	queryPlace = time.Second
)

// A queryGate lets queries to the state machine, as many as it has places for; the
// others wait in the order in which they came.
type queryGate struct{ places chan struct{} }

func newQueryGate() *queryGate { return &queryGate{make(chan struct{}, queriesAtOnce)} }

// enter waits for a place. leave gives it back, and must be called.
func (g *queryGate) enter(ctx context.Context) (leave func(), err error) {
	select {
	case g.places <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	free := sync.OnceFunc(func() { <-g.places })
	timer := time.AfterFunc(queryPlace, free)
	return func() {
		timer.Stop()
		free()
	}, nil
}

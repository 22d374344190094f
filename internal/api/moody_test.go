package api_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/api/apitest"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// largeAnswerBytes has an answer without moods: more than counts for nothing.
const largeAnswerBytes = 100 << 10

// A moodyService answers in its moods late, with results of any size, with errors, or
// when it is told to; else at once, or never before it is told to.
type moodyService struct {
	*fakeService
	mu    sync.Mutex
	rng   *rand.Rand // nil without moods
	holds bool       // everything, without moods
	held  []func()
	late  sync.WaitGroup
}

// moods gives the service moods, or takes them from it.
func (m *moodyService) moods(rng *rand.Rand, holds bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rng, m.holds = rng, holds
}

// mood is how the next request is answered.
func (m *moodyService) mood() (size int, after time.Duration, holds bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rng == nil {
		return largeAnswerBytes, 0, m.holds, nil
	}
	err = []error{nil, nil, nil, server.ErrTimeout, &server.Error{Err: server.ErrTooManyRequests}, errors.New("odd")}[m.rng.IntN(6)]
	return m.rng.IntN(1 << (13 + m.rng.IntN(7))), time.Duration(m.rng.IntN(3000)) * time.Microsecond, m.rng.IntN(10) == 0, err
}

func (m *moodyService) ProposeAsync(_ []byte, _ time.Duration, done func(server.Result, error)) {
	size, after, holds, err := m.mood()
	answer := func() { done(server.Result{Index: 1, Data: make([]byte, size)}, err) }
	if err != nil {
		answer = func() { done(server.Result{}, err) }
	}
	if holds {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.held = append(m.held, answer)
		return
	}
	m.late.Add(1)
	time.AfterFunc(after, func() {
		defer m.late.Done()
		answer()
	})
}

func (m *moodyService) Propose(ctx context.Context, data []byte) (server.Result, error) {
	return apitest.Propose(ctx, m, data)
}

func (m *moodyService) Query(ctx context.Context, _ []byte, _ server.Consistency) (server.Answer, error) {
	size, after, holds, err := m.mood()
	if holds {
		after = time.Second
	}
	timer := time.NewTimer(after)
	defer timer.Stop()
	select {
	case <-timer.C:
		return server.Answer{Data: make([]byte, size)}, err
	case <-ctx.Done():
		return server.Answer{}, &server.Error{Err: server.ErrCanceled}
	}
}

func (m *moodyService) QueryStream(ctx context.Context, data []byte, c server.Consistency, begin func(context.Context, server.Place) error, send func([]byte) error) error {
	for range 3 {
		answer, err := m.Query(ctx, data, c)
		if err == nil && begin != nil {
			err = begin(ctx, server.Place{Index: 1, History: 1})
		}
		if err == nil && len(answer.Data) > 0 {
			err = send(answer.Data)
		}
		if err != nil {
			return err
		}
		begin = nil
	}
	return nil
}

// waiting is how many proposals are held.
func (m *moodyService) waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.held)
}

// settle answers all that is held.
func (m *moodyService) settle() {
	m.mu.Lock()
	held := m.held
	m.held = nil
	m.mu.Unlock()
	for _, answer := range held {
		answer()
	}
	m.late.Wait()
}

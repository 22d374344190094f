package statemachinetest

import (
	"errors"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

func testQuery(t *testing.T, h Harness) {
	t.Run("a query shows what was applied", func(t *testing.T) {
		rule.Checks(t, "SM-20")
		needs(t, "Observe", h.Observe != nil)
		in := open(t, h)
		last := in.observe()
		for index := uint64(1); index <= 20; index++ {
			in.advance(index)
			now := in.observe()
			if now == last {
				t.Fatalf("the query does not show the entry at index %d: %q", index, now)
			}
			if again := in.observe(); again != now {
				t.Fatalf("two queries at index %d: %q and %q", index, now, again)
			}
			last = now
		}
	})
	t.Run("a query has no effect", func(t *testing.T) {
		rule.Checks(t, "SM-21")
		needs(t, "Observe", h.Observe != nil)
		in := open(t, h)
		in.advance(10)
		for range 5 {
			in.observe()
		}
		equalState(t, "after queries", in.state(), reference(t, h, 10))
	})
	t.Run("a query that makes no sense is ErrInvalidQuery", func(t *testing.T) {
		rule.Checks(t, "SM-22")
		needs(t, "BadQueries", len(h.BadQueries) > 0)
		in := open(t, h)
		in.advance(1)
		for _, q := range h.BadQueries {
			if _, err := in.sm.Query(in.ctx, q); !errors.Is(err, statemachine.ErrInvalidQuery) {
				t.Errorf("Query(%.32q): %v, want %v", q, err, statemachine.ErrInvalidQuery)
			}
		}
		in.advance(2)
	})
	t.Run("queries run concurrently with apply", func(t *testing.T) { queriesWhileApplying(t, h) })
}

// queriesWhileApplying checks that a reader sees states of the log only, and
// never an older one after a newer one.
func queriesWhileApplying(t *testing.T, h Harness) {
	rule.Checks(t, "SM-20")
	needs(t, "Observe", h.Observe != nil)
	const batches, readers = 60, 3
	known := map[string]uint64{}
	model := open(t, h)
	for index := uint64(0); index <= 5*batches; index++ {
		if index > 0 {
			model.advance(index)
		}
		known[model.observe()] = index
	}

	in := open(t, h)
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range readers {
		wg.Go(func() {
			newest := uint64(0)
			for {
				text, err := h.Observe(in.ctx, in.sm)
				if err != nil {
					t.Errorf("query after index %d: %v", newest, err)
					return
				}
				index, ok := known[text]
				if !ok || index < newest {
					t.Errorf("query gave %.64q, of index %d (known: %t), after one of index %d", text, index, ok, newest)
					return
				}
				newest = index
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := uint64(1); i <= batches; i++ {
		in.advance(5 * i)
	}
	close(done)
	wg.Wait()
	if got := known[in.observe()]; got != 5*batches {
		t.Errorf("query after index %d shows index %d", 5*batches, got)
	}
}

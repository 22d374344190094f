package statemachinetest

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// besidePatience turns an Apply that waits for the receiver of a stream into a failure.
const besidePatience = 10 * time.Second

// errReceiver is why the kit takes no more of a stream.
var errReceiver = errors.New("the receiver takes no more")

func testQueryStream(t *testing.T, h Harness) {
	t.Run("it is announced where it is", func(t *testing.T) {
		rule.Checks(t, "P-13")
		sm := h.New(t)
		t.Cleanup(func() { _ = sm.Close(testContext(t)) })
		_, is := sm.(statemachine.QueryStreamer)
		if announced := announces(sm); announced && !is {
			t.Errorf("%q is announced, and there is no QueryStream", statemachine.CapabilityQueryStreams)
		}
		err := statemachine.QueryStream(testContext(t), sm, nil, func([]byte) error { return nil })
		if no := errors.Is(err, statemachine.ErrNoQueryStreams); no == announces(sm) {
			t.Errorf("QueryStream before Open: %v", err)
		}
	})
	t.Run("a stream shows what was applied", func(t *testing.T) { streamsWhatWasApplied(t, streaming(t, h)) })
	t.Run("a stream ends with its receiver", func(t *testing.T) { endsWithItsReceiver(t, streaming(t, h)) })
	t.Run("a stream ends with its context", func(t *testing.T) { endsWithItsContext(t, streaming(t, h)) })
	t.Run("a receiver that waits holds up no other call", func(t *testing.T) { holdsUpNothing(t, streaming(t, h)) })
	t.Run("a query that makes no sense is ErrInvalidQuery", func(t *testing.T) {
		rule.Checks(t, "SM-22")
		in := streaming(t, h)
		needs(t, "BadQueries", len(h.BadQueries) > 0)
		for _, q := range h.BadQueries {
			if chunks, err := in.stream(in.ctx, q); !errors.Is(err, statemachine.ErrInvalidQuery) || len(chunks) > 0 {
				t.Errorf("QueryStream(%.32q): %d chunks and %v, want %v", q, len(chunks), err, statemachine.ErrInvalidQuery)
			}
		}
	})
}

// announces tells whether the state machine says that it answers queries in chunks.
func announces(sm statemachine.StateMachine) bool {
	return sm.Describe().Has(statemachine.CapabilityQueryStreams)
}

// streaming is an open state machine that does.
func streaming(t *testing.T, h Harness) *instance {
	t.Helper()
	in := open(t, h)
	if !announces(in.sm) {
		t.Skipf("the state machine has not announced %q", statemachine.CapabilityQueryStreams)
	}
	needs(t, "Stream", h.Stream != nil)
	return in
}

// stream asks and returns the chunks that have something in them.
func (in *instance) stream(ctx context.Context, query []byte) (chunks [][]byte, err error) {
	err = statemachine.QueryStream(ctx, in.sm, query, func(chunk []byte) error {
		if len(chunk) > 0 {
			chunks = append(chunks, bytes.Clone(chunk))
		}
		return nil
	})
	return chunks, err
}

// streamed is what the stream shows.
func (in *instance) streamed() string {
	in.t.Helper()
	chunks, err := in.stream(in.ctx, in.h.Stream())
	if err != nil {
		in.t.Fatalf("QueryStream at index %d: %v", in.applied, err)
	}
	return string(bytes.Join(chunks, []byte{0}))
}

func streamsWhatWasApplied(t *testing.T, in *instance) {
	rule.Checks(t, "SM-20", "SM-21")
	last := in.streamed()
	for index := uint64(1); index <= 20; index++ {
		in.advance(index)
		now := in.streamed()
		if now == last {
			t.Fatalf("the stream does not show the entry at index %d: %.64q", index, now)
		}
		if again := in.streamed(); again != now {
			t.Fatalf("two streams at index %d: %.64q and %.64q", index, now, again)
		}
		last = now
	}
	equalState(t, "after streams", in.state(), reference(t, in.h, 20))
}

func endsWithItsReceiver(t *testing.T, in *instance) {
	rule.Checks(t, "SM-28")
	in.advance(50)
	calls := 0
	err := statemachine.QueryStream(in.ctx, in.sm, in.h.Stream(), func([]byte) error {
		calls++
		return errReceiver
	})
	if !errors.Is(err, errReceiver) || calls != 1 {
		t.Errorf("%d chunks were sent, and it ended with %v; want one and %v", calls, err, errReceiver)
	}
	in.advance(55)
	in.streamed()
}

func endsWithItsContext(t *testing.T, in *instance) {
	rule.Checks(t, "SM-28")
	in.advance(50)
	ctx, cancel := context.WithCancel(in.ctx)
	cancel()
	if _, err := in.stream(ctx, in.h.Stream()); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	in.advance(55)
	in.streamed()
}

// holdsUpNothing has streams whose receivers wait, and uses the state machine meanwhile.
func holdsUpNothing(t *testing.T, in *instance) {
	rule.Checks(t, "SM-27")
	in.advance(50)
	waiting, free := make(chan struct{}, statemachine.MaxQueryStreams), make(chan struct{})
	ended := make(chan error, statemachine.MaxQueryStreams)
	for range statemachine.MaxQueryStreams {
		go func() {
			first := true
			ended <- statemachine.QueryStream(in.ctx, in.sm, in.h.Stream(), func([]byte) error {
				if first {
					first = false
					waiting <- struct{}{}
					<-free
				}
				return nil
			})
		}()
	}
	for range statemachine.MaxQueryStreams {
		select {
		case <-waiting:
		case err := <-ended:
			close(free)
			t.Fatalf("a stream ended before its first chunk was taken: %v", err)
		}
	}
	used := make(chan struct{})
	go func() {
		defer close(used)
		_, _ = in.sm.Apply(in.ctx, statemachine.Batch{Entries: in.h.commands(50, 60), Through: 60})
		if s, err := in.sm.PrepareSnapshot(in.ctx); err == nil {
			s.Release()
		}
	}()
	timer := time.NewTimer(besidePatience)
	defer timer.Stop()
	select {
	case <-used:
	case <-timer.C:
		t.Error("an Apply waits for the receiver of a stream")
	}
	close(free)
	for range statemachine.MaxQueryStreams {
		if err := <-ended; err != nil {
			t.Errorf("a stream that was not read for a while: %v", err)
		}
	}
	<-used
	in.applied = 60
	equalState(t, "after entries beside streams", in.state(), reference(t, in.h, 60))
}

package server

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
)

// query asks linearizably and says how it ended.
func (w *world) query(ctx context.Context) <-chan answered {
	ch := make(chan answered, 1)
	go func() {
		a, err := w.s.Query(ctx, []byte("count"), Linearizable)
		ch <- answered{a, err}
	}()
	synctest.Wait()
	return ch
}

type answered struct {
	answer Answer
	err    error
}

// context is that of the latest try of the round that waits for an answer of raft.
func (w *world) context() []byte {
	w.s.reads.mu.Lock()
	defer w.s.reads.mu.Unlock()
	if w.s.reads.current == nil || w.s.reads.current.first == 0 {
		return nil
	}
	return w.s.reads.contextOf(w.s.reads.count)
}

// A read asks again until it is answered, never with the same context; then it
// waits for the index.
func TestReadRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a")
		answer := w.query(context.Background())
		first := w.context()
		time.Sleep(election/2 + tick)
		second := w.context()
		if len(first) == 0 || slices.Equal(first, second) {
			t.Fatalf("contexts %x and %x", first, second)
		}
		w.s.Read(node.Read{Context: second, Index: 2})
		w.s.Read(node.Read{Context: second, Index: 1}) // a second answer
		synctest.Wait()
		if len(answer) != 0 {
			t.Error("answered before its index was applied")
		}
		w.commit("b")
		if got := <-answer; got.err != nil || string(got.answer.Data) != "2" || got.answer.Index != 2 {
			t.Errorf("got %+v", got)
		}
	})
}

// A barrier ends when the index of its round is applied, and asks no state machine.
func TestReadBarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a")
		type barrier struct {
			index uint64
			err   error
		}
		ask := func(ctx context.Context) <-chan barrier {
			ended := make(chan barrier, 1)
			go func() {
				index, err := w.s.ReadBarrier(ctx)
				ended <- barrier{index, err}
			}()
			synctest.Wait()
			return ended
		}
		ended := ask(t.Context())
		w.s.Read(node.Read{Context: w.context(), Index: 2})
		synctest.Wait()
		if len(ended) != 0 {
			t.Fatal("it ended before its index was applied")
		}
		w.commit("b")
		if got := <-ended; got.err != nil || got.index != 2 {
			t.Errorf("ended with %+v", got)
		}

		w.source.mu.Lock()
		w.source.prepare = func(int, *machine) error { return errors.New("no") }
		w.source.mu.Unlock()
		w.source.current().Kill()
		ended = ask(t.Context())
		w.s.Read(node.Read{Context: w.context(), Index: 2})
		if got := <-ended; got.err != nil || got.index != 2 {
			t.Errorf("without a state machine: %+v", got)
		}

		start := time.Now()
		if got := <-ask(t.Context()); !errors.Is(got.err, ErrNoLeader) || time.Since(start) != RequestTimeout(election) {
			t.Errorf("without an answer, after %v: %+v", time.Since(start), got)
		}
	})
}

// The answer to any try of a round is right for those who wait for it. On a path with
// a long round trip no other one would ever be in time.
func TestALateAnswerEndsTheRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a")
		answer := w.query(context.Background())
		first := w.context()
		time.Sleep(2 * election)
		if slices.Equal(first, w.context()) {
			t.Fatal("nothing was asked again")
		}
		w.s.Read(node.Read{Context: first, Index: 1})
		if got := <-answer; got.err != nil || got.answer.Index != 1 {
			t.Errorf("got %+v", got)
		}
	})
}

// An answer to something else does not count: to an earlier round, to a try that is
// still to come, of another process, or no context of a read at all.
func TestAnswersToOtherQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a")
		before := w.query(context.Background())
		earlier := w.context()
		w.s.Read(node.Read{Context: earlier, Index: 1})
		<-before
		answer := w.query(context.Background())
		r := w.s.reads
		other := readRounds{s: w.s, boot: r.boot + 1}
		for what, c := range map[string][]byte{
			"an earlier round": earlier, "the future": r.contextOf(r.count + 1),
			"another process": other.contextOf(r.count), "nothing": nil, "a part": w.context()[:8],
		} {
			w.s.Read(node.Read{Context: c, Index: 1})
			synctest.Wait()
			if len(answer) != 0 {
				t.Fatalf("the answer to %s was used", what)
			}
		}
		w.s.Read(node.Read{Context: w.context(), Index: 1})
		if got := <-answer; got.err != nil {
			t.Error(got.err)
		}
	})
}

// A new leader is asked at once, and so is the old one after the transport lost what
// was on its way to it; however often that is, there is time between two tries.
func TestA2ReadsDoNotWaitForWhatIsKnownToBeLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a")
		w.s.StateChanged(node.State{Leader: 2, Term: 5})
		answer := w.query(context.Background())
		tries := func() uint64 {
			synctest.Wait()
			r := w.s.reads
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.count - r.current.first + 1
		}
		w.s.StateChanged(node.State{Term: 6})
		if got := tries(); got != 1 {
			t.Errorf("asked %d times without a leader", got)
		}
		w.s.StateChanged(node.State{Leader: 3, Term: 6})
		if got := tries(); got != 2 {
			t.Errorf("asked %d times after a change of the leader, want 2", got)
		}
		w.s.Lost(2)
		time.Sleep(election / lossElections)
		if got := tries(); got != 2 {
			t.Errorf("asked %d times after a loss to another member, want 2", got)
		}
		for range 3 { // in one moment
			w.s.Lost(3)
			synctest.Wait()
		}
		if got := tries(); got != 3 {
			t.Errorf("asked %d times after a loss to the leader, want 3", got)
		}
		time.Sleep(election / lossElections)
		if got := tries(); got != 4 {
			t.Errorf("asked %d times an interval after more losses, want 4", got)
		}
		w.s.Read(node.Read{Context: w.context(), Index: 1})
		if got := <-answer; got.err != nil {
			t.Error(got.err)
		}
	})
}

// A read that comes while raft is asked waits for the next round: the one
// under way may have begun before a write that its client knows of.
func TestReadsShareOnlyALaterRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a")
		early := w.query(context.Background())
		first := w.context()
		late := []<-chan answered{w.query(context.Background()), w.query(context.Background())}
		w.s.Read(node.Read{Context: first, Index: 1})
		synctest.Wait()
		if len(early) != 1 || len(late[0])+len(late[1]) != 0 {
			t.Fatalf("%d early and %d late reads are answered", len(early), len(late[0])+len(late[1]))
		}
		second := w.context()
		if len(second) == 0 || slices.Equal(first, second) {
			t.Fatalf("contexts %x and %x", first, second)
		}
		w.s.Read(node.Read{Context: second, Index: 1})
		synctest.Wait()
		if len(late[0])+len(late[1]) != 2 {
			t.Error("the late reads do not share a round")
		}
	})
}

// Rounds outlive the node: the next one is asked.
func TestReadAcrossARebuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a")
		synctest.Wait()
		answer := w.query(context.Background())
		w.s.Detach(ErrStorageRestart)
		time.Sleep(election)
		w.attach()
		time.Sleep(election)
		synctest.Wait()
		w.s.Read(node.Read{Context: w.context(), Index: 1})
		if got := <-answer; got.err != nil {
			t.Error(got.err)
		}
	})
}

func TestReadsThatDoNotFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		start := time.Now()
		if got := <-w.query(context.Background()); !errors.Is(got.err, ErrNoLeader) {
			t.Errorf("without an answer: %v, want %v", got.err, ErrNoLeader)
		}
		if took := time.Since(start); took != RequestTimeout(election) {
			t.Errorf("it took %v", took)
		}
		ctx, cancel := context.WithCancel(context.Background())
		answer := w.query(ctx)
		cancel()
		if got := <-answer; !errors.Is(got.err, ErrReadTimeout) {
			t.Errorf("cancelled: %v, want %v", got.err, ErrReadTimeout)
		}
		// The state machine dies and does not come back.
		w.source.mu.Lock()
		w.source.prepare = func(int, *machine) error { return errors.New("no") }
		w.source.mu.Unlock()
		w.source.current().Kill()
		synctest.Wait()
		if _, err := w.s.Query(context.Background(), []byte("count"), Stale); !errors.Is(err, ErrNotReady) {
			t.Errorf("without a state machine: %v, want %v", err, ErrNotReady)
		}
		answer = w.query(context.Background())
		w.s.queue.close()
		if got := <-answer; !errors.Is(got.err, ErrStopping) {
			t.Errorf("while the host stops: %v, want %v", got.err, ErrStopping)
		}
	})
}

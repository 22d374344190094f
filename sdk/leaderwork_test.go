package sdk_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/sdk"
)

// A worker notes the calls of its work, which lasts as long as its term if it is held.
type worker struct {
	*sdk.LeaderWork
	mu    sync.Mutex
	terms []uint64
	held  bool
}

func startWorker(every time.Duration) *worker {
	w := &worker{}
	w.LeaderWork = sdk.StartLeaderWork(every, func(ctx context.Context, term uint64) {
		w.mu.Lock()
		w.terms = append(w.terms, term)
		held := w.held
		w.mu.Unlock()
		if held {
			<-ctx.Done()
		}
	})
	return w
}

func (w *worker) did(t *testing.T, want ...uint64) {
	t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.terms, want) {
		t.Fatalf("the work was done in the terms %v, want %v", w.terms, want)
	}
}

// Work is done by the member that leads, is ready and stays so; again when it is woken, and
// again and again without.
func TestLeaderWorkIsOfTheLeaderAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorker(time.Minute)
		defer w.Stop()
		var _ plugins.LeadershipWatcher = w
		for _, l := range []plugins.Leadership{
			{},
			{Term: 1, Leader: 2},
			{Term: 2, Leader: 1, Leads: true},
			{Term: 2, Leader: 1, Leads: true, Ready: true, Transferring: true},
		} {
			w.SetLeadership(l)
			w.Wake()
			w.did(t)
		}
		leads := plugins.Leadership{Term: 3, Leader: 1, Leads: true, Ready: true}
		w.SetLeadership(leads)
		w.did(t, 3)
		w.SetLeadership(leads) // no news
		w.did(t, 3)
		w.Wake()
		w.did(t, 3, 3)
		time.Sleep(2 * time.Minute) // by the bubble's clock
		w.did(t, 3, 3, 3, 3)
		w.SetLeadership(plugins.Leadership{Term: 4, Leader: 2})
		time.Sleep(10 * time.Minute)
		w.Wake()
		w.did(t, 3, 3, 3, 3)
	})
}

// Work that lasts ends with its term: with the next one it begins anew, and Stop waits for its end.
func TestLeaderWorkEndsWithItsTerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorker(time.Minute)
		w.held = true
		w.SetLeadership(plugins.Leadership{Term: 3, Leader: 1, Leads: true, Ready: true})
		w.did(t, 3)
		w.SetLeadership(plugins.Leadership{Term: 5, Leader: 1, Leads: true, Ready: true})
		w.did(t, 3, 5)
		w.Stop()
		w.Stop()
		w.did(t, 3, 5)
	})
}

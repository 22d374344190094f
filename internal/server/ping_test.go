package server

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// asked are the members that a server has asked for, and for how many it asks now.
type asked struct {
	mu   sync.Mutex
	urls map[member.ID]string
	now  int
}

// ping finds member 2, does not find member 3, cannot ask for member 4, and waits
// for member 5 to the end.
func (a *asked) ping(ctx context.Context, m member.Member) error {
	a.mu.Lock()
	a.urls[m.ID] = m.PeerURLs[0]
	a.now++
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.now--
	}()
	switch m.ID {
	case 3:
		return transport.ErrUnreachable
	case 4:
		return transport.ErrCannotPing
	case 5:
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// leading is a world whose node leads, and which knows the members 1 to 6, the last
// one a learner.
func (w *world) leading(t *testing.T) {
	t.Helper()
	disk := heldDisk{w, make(chan struct{})}
	close(disk.free)
	w.commit("a")
	synctest.Wait()
	w.snapshot(1, false, "a")
	w.s.Detach(ErrStorageRestart)
	w.attach()
	n := node.New(w.core, disk)
	w.node = n
	w.s.Attach(n, w.store, 1, w.registry)
	stop, ended, ticker := make(chan struct{}), make(chan error, 1), time.NewTicker(tick)
	t.Cleanup(func() {
		ticker.Stop()
		close(stop)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	go func() { ended <- n.Run(stop, ticker.C) }()
	for w.s.Status().Role != "leader" {
		time.Sleep(tick)
	}
	registry := w.registry
	for id := member.ID(2); id <= 6; id++ {
		m := member.Member{ID: id, Name: id.String(), PeerURLs: []string{"http://" + id.String() + ":1"}, Learner: id == 6}
		var err error
		if registry, err = registry.Apply(member.Change{Op: member.Add, Member: m}, uint64(id), 1); err != nil {
			t.Fatal(err)
		}
	}
	w.s.progress.advance(1<<40, registry)
}

// A leader asks for those who would vote after a change, under the URLs that they
// would have, all at once and not for longer than two election timeouts. Of a voter that
// no transport can ask, nothing is said.
func TestVotersAreAskedForBeforeAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asked{urls: map[member.ID]string{}}
		w := newWorld(t, func(c *Config) { c.Ping = a.ping })
		change := member.Change{Op: member.Update, Member: member.Member{ID: 2, PeerURLs: []string{"http://new:1"}}}
		if got := w.s.ping(t.Context(), change); got != nil {
			t.Errorf("a member that does not lead asked: %v", got)
		}
		w.leading(t)
		start := time.Now()
		got := w.s.ping(t.Context(), change)
		if took := time.Since(start); took != 2*election {
			t.Errorf("it took %v", took)
		}
		want := map[member.ID]bool{2: true, 3: false, 5: false}
		for id, p := range got {
			if reached, in := want[id]; !in || p.Reached != reached || p.URLs[0] != a.urls[id] {
				t.Errorf("of %s it is said that %+v", id, p)
			}
		}
		if len(got) != len(want) || a.urls[2] != "http://new:1" || a.urls[3] != "http://3:1" {
			t.Errorf("asked for %v; got %v", a.urls, got)
		}
		clear(a.urls)
		for _, c := range []member.Change{
			{Op: member.Add, Member: member.Member{ID: 7, Name: "7", PeerURLs: []string{"http://7:1"}}},
			{Op: member.Remove, Member: member.Member{ID: 6}},
			{Op: member.Update, Member: member.Member{ID: 2, Name: "other"}},
			{Op: member.Update, Member: member.Member{ID: 6, PeerURLs: []string{"http://new:1"}}},
		} {
			if got := w.s.ping(t.Context(), c); got != nil || len(a.urls) > 0 {
				t.Errorf("before %+v, which leaves the voters where they are, it asked for %v", c, a.urls)
			}
		}
		w.s.ping(t.Context(), member.Change{Op: member.Remove, Member: member.Member{ID: 5}})
		if ids := slices.Sorted(maps.Keys(a.urls)); !slices.Equal(ids, []member.ID{2, 3, 4}) {
			t.Errorf("before the removal of 5 it asked for %v", ids)
		}
	})
}

// However many changes are asked for at one time, members are asked for a few of
// them, and a change whose caller gives up does not wait for its turn.
func TestFewChangesAskAtOneTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asked{urls: map[member.ID]string{}}
		w := newWorld(t, func(c *Config) { c.Ping = a.ping })
		w.leading(t)
		ctx, cancel := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		for range 100 {
			asking.Go(func() { w.s.ping(ctx, member.Change{Op: member.Remove, Member: member.Member{ID: 2}}) })
		}
		synctest.Wait()
		if a.now != maxAsking { // each of them waits for member 5
			t.Errorf("%d members are asked for at one time, of %d changes", a.now, maxAsking)
		}
		start := time.Now()
		cancel()
		asking.Wait()
		if took := time.Since(start); took > 0 || !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("after their callers had gone they took %v", took)
		}
	})
}

//go:build linux

package linearizability

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/test/internal/live"
	"github.com/pontoon-raft/pontoon/test/linearizability/history"
)

const (
	// Of each member, so many clients speak JSON to it and to no other member, and
	// as many share a Go client that goes on to others.
	clientsOfEachWay = 2
	// pace is between two operations of a client, if the first has ended by then.
	pace = 20 * time.Millisecond
)

// A load is clients on all members.
type load struct {
	c       *cluster
	record  *history.Recorder
	keys    *keys
	workers []*worker
	random  *rand.Rand
	ending  chan struct{}
	once    sync.Once
	wg      sync.WaitGroup
}

// startLoad puts clients on every member.
func startLoad(c *cluster, record *history.Recorder, seed uint64) *load {
	l := &load{c: c, record: record, keys: newKeys(), random: rand.New(rand.NewPCG(seed, 1)), ending: make(chan struct{})}
	for _, m := range c.members {
		l.serve(m)
	}
	c.t.Cleanup(l.stop)
	return l
}

// serve puts clients on a member, with different patience.
func (l *load) serve(m *member) {
	l.c.t.Helper()
	shared, err := client.New(client.Options{Endpoints: []string{m.client}, AnyMember: true, DialTimeout: time.Second})
	if err != nil {
		l.c.t.Fatal(err)
	}
	l.c.t.Cleanup(func() { shared.Close() })
	for i := range clientsOfEachWay {
		patience := time.Duration(1+7*i) * time.Second
		l.start(m, newJSONSession(m), patience)
		l.start(m, shared, patience)
	}
}

func (l *load) start(m *member, s session, patience time.Duration) {
	w := l.worker(m, s, patience)
	l.wg.Go(func() {
		ticks := time.NewTicker(pace)
		defer ticks.Stop()
		w.run(ticks.C, l.ending)
	})
}

func (l *load) worker(m *member, s session, patience time.Duration) *worker {
	w := &worker{
		t: l.c.t, id: len(l.workers), member: m.name, session: s, keys: l.keys, record: l.record,
		random: rand.New(rand.NewPCG(l.random.Uint64(), l.random.Uint64())), patience: patience,
	}
	l.workers = append(l.workers, w)
	return w
}

// goesOn waits until every client has had another write acknowledged.
func (l *load) goesOn() {
	l.c.t.Helper()
	for _, w := range l.workers {
		before := w.acknowledged.Load()
		live.Eventually(l.c.t, fmt.Sprintf("a write of client %d through %s to be acknowledged after all faults", w.id, w.member), func() bool {
			return w.acknowledged.Load() > before
		})
	}
}

// stop ends the clients, each after the request that it is at.
func (l *load) stop() {
	l.once.Do(func() { close(l.ending) })
	l.wg.Wait()
}

// readAll reads every key through every member in the end, so that each loss shows.
func (l *load) readAll() {
	l.c.t.Helper()
	var wg sync.WaitGroup
	for _, m := range l.c.members {
		w := l.worker(m, newJSONSession(m), live.Patience)
		wg.Go(func() {
			for _, key := range l.keys.list() {
				for _, stale := range []bool{false, true} {
					if !live.Within(live.Patience, func() bool { return w.read(key, stale) }) {
						l.c.t.Errorf("%s does not answer a read of %s at the end", m.name, key)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

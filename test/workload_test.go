//go:build linux

package e2e

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// A workload writes through some nodes until it is stopped, and remembers what
// it was told of every write.
type workload struct {
	t       testing.TB
	clients []*client.Client
	history live.History
	acked   atomic.Int64
	pauses  pauses
	stopped atomic.Bool
	wg      sync.WaitGroup
}

// Of each node's client, so many goroutines write at the same time.
const writersPerNode = 3

// startWorkload puts writers on all of the nodes.
func startWorkload(t testing.TB, nodes ...*node) *workload {
	t.Helper()
	w := &workload{t: t}
	for _, n := range nodes {
		w.clients = append(w.clients, n.dial())
	}
	for i := range w.clients {
		for j := range writersPerNode {
			w.wg.Go(func() { w.put(i, j) })
		}
		w.wg.Go(func() { w.increment(i) })
	}
	t.Cleanup(func() { w.stop() })
	return w
}

// stop ends the writers, each after the write that it is at.
func (w *workload) stop() {
	w.stopped.Store(true)
	w.wg.Wait()
}

// progress waits until so many more writes were acknowledged.
func (w *workload) progress(n int64) {
	w.t.Helper()
	goal := w.acked.Load() + n
	eventually(w.t, fmt.Sprintf("%d more acknowledged writes", n), func() bool { return w.acked.Load() >= goal })
}

// put writes one new key after the other. Some of those that were acknowledged
// it reads at once through another node, where they must be.
func (w *workload) put(i, j int) {
	for seq := 0; !w.stopped.Load(); seq++ {
		key := fmt.Sprintf("put/%d/%d/%07d", i, j, seq)
		at := w.history.Begin(key)
		result, err := w.clients[i].Propose(context.Background(), kv.EncodePut([]byte(key), []byte(key)))
		w.ended(at, result, err)
		if err == nil && seq%16 == 0 {
			w.readBack(w.clients[(i+1)%len(w.clients)], key)
		}
	}
}

func (w *workload) ended(at int, result client.Result, err error) {
	o := live.Outcome{Acked: err == nil, Absent: client.IsNotApplied(err)}
	if err == nil && !result.Lost {
		decoded, decodeErr := kv.DecodeResult(result.Data)
		if decodeErr != nil || result.Error != "" {
			w.t.Errorf("result of a put: %q, %v", result.Error, decodeErr)
		}
		o.Revision = decoded.Revision
	}
	w.history.End(at, o)
	if err == nil {
		w.acked.Add(1)
		w.pauses.acknowledged()
	}
}

// readBack makes a linearizable read of a key whose write was acknowledged.
func (w *workload) readBack(c *client.Client, key string) {
	entry, err := get(c, key, client.Linearizable)
	if err == nil && (entry == nil || string(entry.Value) != key) {
		w.t.Errorf("linearizable read of %s after its write was acknowledged: %v", key, entry)
	}
}

// increment reads the counter and writes the next number if no other writer
// did.
func (w *workload) increment(i int) {
	c := w.clients[i]
	for !w.stopped.Load() {
		entry, err := get(c, live.CounterKey, client.Linearizable)
		if err != nil {
			continue // the client has tried for long enough
		}
		next, revision := 1, uint64(0)
		if entry != nil {
			before, _ := strconv.Atoi(string(entry.Value))
			next, revision = before+1, entry.ModRevision
		}
		result, err := c.Propose(context.Background(), kv.EncodeCompareAndSet([]byte(live.CounterKey), revision, fmt.Append(nil, next)))
		decoded, decodeErr := kv.DecodeResult(result.Data)
		switch {
		case client.IsNotApplied(err):
		case err != nil || result.Lost:
			w.history.Incremented(next, false)
		case decodeErr != nil || result.Error != "":
			w.t.Errorf("result of a compare-and-set: %q, %v", result.Error, decodeErr)
		case decoded.Succeeded:
			w.history.Incremented(next, true)
		}
	}
}

// get reads one key; nil if there is none.
func get(c *client.Client, key string, level client.Consistency) (*kv.Entry, error) {
	answer, err := c.Query(context.Background(), kv.EncodeGet([]byte(key)), level)
	if err != nil {
		return nil, err
	}
	page, err := kv.DecodePage(answer.Data)
	if err != nil || len(page.Entries) == 0 {
		return nil, err
	}
	return &page.Entries[0], nil
}

//go:build linux

package hostile

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// Honest clients write at a pace that a quiet cluster keeps with ease, so that an
// attack shows in what they get done.
const (
	writersPerMember = 2
	writeEvery       = 20 * time.Millisecond
	writeTimeout     = 5 * time.Second
)

// writers are honest clients, some at each member, that remember what they were
// told of every write.
type writers struct {
	t       testing.TB
	prefix  string // of their keys, which no others write
	history live.History
	stopped atomic.Bool
	wg      sync.WaitGroup

	mu    sync.Mutex
	since time.Time
	took  []time.Duration // of writes acknowledged since then
}

func startWriters(t testing.TB, c *cluster, prefix string) *writers {
	t.Helper()
	w := &writers{t: t, prefix: prefix, since: time.Now()}
	for _, m := range c.members {
		options := m.way.options(m.client)
		options.RequestTimeout = writeTimeout
		cl, err := client.New(options)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cl.Close() })
		for i := range writersPerMember {
			w.wg.Go(func() { w.write(cl, fmt.Sprintf("%s%d/%d/", prefix, m.id, i)) })
		}
	}
	t.Cleanup(w.stop)
	return w
}

// stop ends the writers, each after the write that it is at.
func (w *writers) stop() {
	w.stopped.Store(true)
	w.wg.Wait()
}

// write puts one new key after the other.
func (w *writers) write(cl *client.Client, prefix string) {
	pace := time.NewTicker(writeEvery)
	defer pace.Stop()
	for seq := 0; !w.stopped.Load(); seq++ {
		<-pace.C
		key := fmt.Sprintf("%s%07d", prefix, seq)
		began, at := time.Now(), w.history.Begin(key)
		result, err := cl.Propose(context.Background(), kv.EncodePut([]byte(key), []byte(key)))
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
			w.mu.Lock()
			w.took = append(w.took, time.Since(began))
			w.mu.Unlock()
		}
	}
}

// A pace is what the writers got done in some time.
type pace struct {
	perSecond float64
	p99       time.Duration
}

// lap returns the pace since the last lap.
func (w *writers) lap() pace {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.Sort(w.took)
	p := pace{perSecond: float64(len(w.took)) / time.Since(w.since).Seconds()}
	if n := len(w.took); n > 0 {
		p.p99 = w.took[min(n-1, n*99/100)]
	}
	w.took, w.since = nil, time.Now()
	return p
}

// check compares what the writers were told with what a member has.
func (w *writers) check(m *member) {
	w.t.Helper()
	options := m.way.options(m.client)
	options.RequestTimeout = 20 * time.Second
	cl, err := client.New(options)
	if err != nil {
		w.t.Fatal(err)
	}
	defer cl.Close()
	var all []kv.Entry
	end := append([]byte(w.prefix), 0xff)
	for next := []byte(w.prefix); next != nil; {
		answer, err := cl.Query(context.Background(), kv.EncodeRange(kv.Range{Key: next, End: end}), client.Linearizable)
		if err != nil {
			w.t.Errorf("read what was written through member %d: %v", m.id, err)
			return
		}
		page, err := kv.DecodePage(answer.Data)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, page.Entries...)
		next = page.Next()
	}
	w.history.Check(w.t, all)
}

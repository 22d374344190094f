//go:build linux

package e2e

import (
	"context"
	"errors"
	"io"
	"math"
	"math/rand"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
)

// A load is many writes over a few Proposals calls to one node. It has no client
// between it and the host: nothing is tried again, and nothing backs off.
type load struct {
	t     testing.TB
	calls []*loadCall
	tally loadTally
	wg    sync.WaitGroup
}

// loadCall is one Proposals call over a connection of its own.
type loadCall struct {
	load *load
	call grpc.ClientStream
	room chan struct{} // holds a token for each write that may be sent; nil if any may

	mu   sync.Mutex
	last uint64
	open map[uint64]*loadWrite // by id
}

// loadWrite is one that is under way.
type loadWrite struct {
	at      time.Time // before it was given to gRPC
	timeout time.Duration
	size    int
}

// The mix is the same for every load: sizes and times that are spread over all
// magnitudes, and few keys, so that the state stays small. A call may have 256 KiB on
// the way to a host that waits for a core: with half as many calls all of them wait for
// credit at nine times the peak.
const (
	smallestValue, largestValue     = 100, 1 << 20
	shortestTimeout, longestTimeout = time.Millisecond, 5 * time.Second
	loadKeys                        = 10
	loadCalls                       = 16
	loadWriteBuffer                 = 256 << 10
	loadCatchUp                     = 200 * time.Millisecond
)

// startLoad opens the calls. With inFlight writes on each of them at most, or as
// many as are sent if that is 0.
func startLoad(t testing.TB, n *node, inFlight int) *load {
	t.Helper()
	l := &load{t: t}
	for range loadCalls {
		conn, err := grpc.NewClient(n.client, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithWriteBufferSize(loadWriteBuffer))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		call, err := hostv1.NewHostClient(conn).Proposals(context.Background(), grpc.ForceCodecV2(newLoadCodec()))
		if err != nil {
			t.Fatal(err)
		}
		c := &loadCall{load: l, call: call, open: map[uint64]*loadWrite{}}
		if inFlight > 0 {
			c.room = make(chan struct{}, inFlight)
			for range inFlight {
				c.room <- struct{}{}
			}
		}
		l.calls = append(l.calls, c)
		l.wg.Go(c.receive)
	}
	return l
}

// closedLoop keeps so many writes under way for some time, each with the longest
// timeout, and waits until all are answered.
func closedLoop(t testing.TB, n *node, inFlight int, during time.Duration) *loadTally {
	t.Helper()
	l := startLoad(t, n, inFlight/loadCalls)
	return l.send(during, 0)
}

// openLoop sends so many writes a second, whatever comes back, for some time.
func openLoop(t testing.TB, n *node, rate float64, during time.Duration) *load {
	t.Helper()
	l := startLoad(t, n, 0)
	l.send(during, rate)
	return l
}

// send sends for some time, and closes the calls.
func (l *load) send(during time.Duration, rate float64) *loadTally {
	began, values := time.Now(), loadValues()
	stop := time.After(during)
	stopped := make(chan struct{})
	var senders sync.WaitGroup
	for i, c := range l.calls {
		senders.Go(func() { c.send(values, rand.New(rand.NewSource(int64(i))), rate/loadCalls, stopped) })
	}
	<-stop
	close(stopped)
	l.tally.took = time.Since(began)
	senders.Wait()
	if rate == 0 {
		l.wg.Wait()
	}
	return &l.tally
}

// spread is between from and to, evenly over the magnitudes as x goes from 0 to 1.
func spread(from, to, x float64) float64 { return from * math.Pow(to/from, x) }

// send sends writes until stopped; with a rate as evenly as the host takes them,
// and never what was due long ago.
func (c *loadCall) send(values []loadValue, random *rand.Rand, rate float64, stopped <-chan struct{}) {
	defer func() { _ = c.call.CloseSend() }()
	due, timer := time.Now(), time.NewTimer(math.MaxInt64) // never, if an answer makes room
	for {
		timeout := longestTimeout
		if rate > 0 {
			timeout = time.Duration(spread(float64(shortestTimeout), float64(longestTimeout), random.Float64()))
			due = due.Add(time.Duration(float64(time.Second) / rate))
			if behind := time.Now().Add(-loadCatchUp); behind.After(due) {
				due = behind
			}
			timer.Reset(time.Until(due))
		}
		select {
		case <-stopped:
			return
		case <-c.room:
		case <-timer.C:
		}
		if !c.write(values[random.Intn(len(values))], timeout) {
			return
		}
	}
}

func (c *loadCall) write(data loadValue, timeout time.Duration) bool {
	milliseconds := max(timeout.Milliseconds(), 1)
	c.mu.Lock()
	c.last++
	id := c.last
	c.open[id] = &loadWrite{at: time.Now(), timeout: time.Duration(milliseconds) * time.Millisecond, size: len(data)}
	c.mu.Unlock()
	c.load.tally.offer(len(data))
	err := c.call.SendMsg(newLoadMessage(id, data, uint32(milliseconds)))
	if err != nil {
		c.load.t.Errorf("the host ended the call: %v", err)
	}
	return err == nil
}

// receive takes answers until the call is over. Every write has one then.
func (c *loadCall) receive() {
	for {
		var batch hostv1.ProposalResultBatch
		if err := c.call.RecvMsg(&batch); err != nil {
			if !errors.Is(err, io.EOF) {
				c.load.t.Errorf("the host ended the call: %v", err)
			}
			break
		}
		for _, r := range batch.Results {
			c.mu.Lock()
			w := c.open[r.Id]
			delete(c.open, r.Id)
			c.mu.Unlock()
			if w == nil {
				c.load.t.Errorf("an answer to %d, which waits for none", r.Id)
				continue
			}
			c.load.tally.answer(w, r)
			if c.room != nil {
				c.room <- struct{}{}
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) > 0 {
		c.load.t.Errorf("%d writes were not answered", len(c.open))
	}
}

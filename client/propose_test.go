package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/server"
)

var background = context.Background()

func TestProposeReturnsTheResult(t *testing.T) {
	c := newClient(t, client.Options{Endpoints: newCluster(t, 1).endpoints()})
	got, err := c.Propose(background, []byte("value"))
	if err != nil || string(got.Data) != "value" || got.Index != 1 {
		t.Fatalf("Propose() = %+v, %v, want index 1 and the value", got, err)
	}
}

func TestTenThousandConcurrentProposals(t *testing.T) {
	c := newClient(t, client.Options{Endpoints: newCluster(t, 1).endpoints(), RequestTimeout: time.Minute})
	var all sync.WaitGroup
	for i := range 10_000 {
		all.Go(func() {
			data := fmt.Appendf(nil, "value %d", i)
			got, err := c.Propose(background, data)
			if err != nil || !bytes.Equal(got.Data, data) {
				t.Errorf("Propose(%d) = %q, %v", i, got.Data, err)
			}
		})
	}
	all.Wait()
	if n := client.Waiting(c); n != 0 {
		t.Errorf("%d waiters left", n)
	}
}

func TestConcurrentCallersShareBatches(t *testing.T) {
	cl := newCluster(t, 1)
	m := cl.members[0]
	m.setHold(true)
	c := newClient(t, client.Options{Endpoints: cl.endpoints()})
	var all sync.WaitGroup
	for range 500 {
		all.Go(func() {
			if _, err := c.Propose(background, []byte("x")); err != nil {
				t.Errorf("Propose() = %v", err)
			}
		})
	}
	// All are in flight at once, on one stream.
	within(t, "500 held", func() bool { return m.heldCount() == 500 })
	m.release(nil)
	all.Wait()
}

func TestDefiniteRefusalsAreRetried(t *testing.T) {
	for _, sentinel := range []error{
		server.ErrNoLeader, server.ErrProposalDropped, server.ErrTooManyRequests, server.ErrNoSpace, server.ErrNotReady, server.ErrStopping,
	} {
		t.Run(sentinel.Error(), func(t *testing.T) {
			cl := newCluster(t, 1)
			var tries atomic.Int64
			cl.members[0].setFail(func() error {
				if tries.Add(1) < 3 {
					return &server.Error{Err: sentinel, RetryAfter: time.Millisecond}
				}
				return nil
			})
			c := newClient(t, client.Options{Endpoints: cl.endpoints()})
			if _, err := c.Propose(background, []byte("x")); err != nil || tries.Load() != 3 {
				t.Errorf("Propose() = %v after %d tries", err, tries.Load())
			}
		})
	}
}

func TestOtherRefusalsAreReturned(t *testing.T) {
	for _, c := range []struct {
		err        error
		reason     string
		notApplied bool
	}{
		{server.ErrTooLarge, "too_large", true},
		{server.ErrEmpty, "empty", true},
		{server.ErrInvalid, "invalid", true},
		{server.ErrTimeout, "timeout", false},
		{server.ErrLeaderLost, "leader_lost", false},
		{server.ErrStopped, "stopped", false},
		{server.ErrStorageRestart, "storage_restart", false},
		{errors.New("odd"), "internal", false},
	} {
		for _, size := range []int{1, 200 << 10} {
			t.Run(fmt.Sprintf("%s/%d", c.reason, size), func(t *testing.T) {
				cl := newCluster(t, 1)
				cl.members[0].setFail(func() error { return &server.Error{Err: c.err, Leader: 0xAB, LeaderAddress: "h:1"} })
				cli := newClient(t, client.Options{Endpoints: cl.endpoints()})
				_, err := cli.Propose(background, make([]byte, size))
				var e *client.Error
				if !errors.As(err, &e) || e.Reason != c.reason || e.Leader != "ab" || e.LeaderAddress != "h:1" || e.Endpoint != cl.members[0].addr {
					t.Errorf("Propose() = %#v", err)
				}
				if client.IsNotApplied(err) != c.notApplied || client.IsUnknown(err) == c.notApplied {
					t.Errorf("IsNotApplied = %v, IsUnknown = %v", client.IsNotApplied(err), client.IsUnknown(err))
				}
				if n := cl.members[0].proposals.Load(); n != 1 {
					t.Errorf("proposed %d times, want once", n)
				}
			})
		}
	}
}

func TestLargeValues(t *testing.T) {
	cl := newCluster(t, 1)
	c := newClient(t, client.Options{Endpoints: cl.endpoints()})
	for _, tc := range []struct {
		size int
		ok   bool
	}{
		{128 << 10, true},
		{128<<10 + 1, true},
		{1536 << 10, true},
		{1536<<10 + 1, false}, // refused by the limit
		{3 << 20, false},      // refused before it is decoded
		{40 << 20, false},     // refused before it is read
	} {
		t.Run(fmt.Sprint(tc.size), func(t *testing.T) {
			got, err := c.Propose(background, make([]byte, tc.size))
			switch {
			case tc.ok && (err != nil || len(got.Data) != tc.size):
				t.Errorf("Propose() = %d bytes, %v", len(got.Data), err)
			case !tc.ok && (!client.IsNotApplied(err) || client.Reason(err) != "too_large"):
				t.Errorf("Propose() = %v, want too_large, not applied", err)
			}
		})
	}
}

func TestContextEndsACall(t *testing.T) {
	cl := newCluster(t, 1)
	m := cl.members[0]
	m.setHold(true)
	c := newClient(t, client.Options{Endpoints: cl.endpoints()})
	ctx, cancel := context.WithCancel(background)
	result := make(chan error, 1)
	go func() {
		_, err := c.Propose(ctx, []byte("x"))
		result <- err
	}()
	within(t, "proposal held", func() bool { return m.heldCount() == 1 })
	cancel()
	err := <-result
	if !client.IsUnknown(err) || !errors.Is(err, context.Canceled) || client.Reason(err) != client.ReasonCanceled {
		t.Errorf("Propose() = %v, want unknown, cancelled", err)
	}
	// Its answer comes late and reaches no other call.
	m.setHold(false)
	m.release(nil)
	if got, err := c.Propose(background, []byte("y")); err != nil || string(got.Data) != "y" {
		t.Errorf("next Propose() = %q, %v", got.Data, err)
	}
	within(t, "no waiter left", func() bool { return client.Waiting(c) == 0 })
}

func TestDeadlines(t *testing.T) {
	for _, tc := range []struct {
		name    string
		request time.Duration
		context time.Duration
	}{
		{"of the client", 50 * time.Millisecond, 0},
		{"of the context", time.Minute, 50 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cl := newCluster(t, 1)
			m := cl.members[0]
			m.setHold(true)
			c := newClient(t, client.Options{Endpoints: cl.endpoints(), RequestTimeout: tc.request})
			ctx := background
			if tc.context > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, tc.context)
				defer cancel()
			}
			_, err := c.Propose(ctx, []byte("x"))
			if m.heldCount() == 1 && !client.IsUnknown(err) {
				t.Errorf("Propose() = %v although it was sent", err)
			}
			if !errors.Is(err, context.DeadlineExceeded) || client.Reason(err) != client.ReasonTimeout {
				t.Errorf("Propose() = %v, want a timeout", err)
			}
			m.release(nil)
			within(t, "no waiter left", func() bool { return client.Waiting(c) == 0 })
		})
	}
}

func TestEndedContextSendsNothing(t *testing.T) {
	cl := newCluster(t, 1)
	c := newClient(t, client.Options{Endpoints: cl.endpoints()})
	if _, err := c.Propose(background, []byte("x")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(background)
	cancel()
	for range 100 {
		_, err := c.Propose(ctx, []byte("y"))
		if !client.IsNotApplied(err) || !errors.Is(err, context.Canceled) {
			t.Fatalf("Propose(ended) = %v, want not applied, cancelled", err)
		}
	}
	if n := cl.members[0].proposals.Load(); n != 1 {
		t.Errorf("%d proposals arrived, want 1", n)
	}
}

func TestClose(t *testing.T) {
	cl := newCluster(t, 1)
	m := cl.members[0]
	m.setHold(true)
	c := newClient(t, client.Options{Endpoints: cl.endpoints()})
	results := make(chan error, 2)
	for _, size := range []int{1, 200 << 10} {
		go func() {
			_, err := c.Propose(background, make([]byte, size))
			results <- err
		}()
	}
	within(t, "both held", func() bool { return m.heldCount() == 2 })
	c.Close()
	for range 2 {
		if err := <-results; !client.IsUnknown(err) || !errors.Is(err, client.ErrClosed) {
			t.Errorf("in flight: %v, want unknown, closed", err)
		}
	}
	_, propose := c.Propose(background, []byte("x"))
	_, large := c.Propose(background, make([]byte, 200<<10))
	_, query := c.Query(background, nil, client.Linearizable)
	_, status := c.Status(background, m.addr)
	for i, err := range []error{propose, large, query, status} {
		if !client.IsNotApplied(err) || !errors.Is(err, client.ErrClosed) {
			t.Errorf("call %d after Close: %v, want not applied, closed", i, err)
		}
	}
	if err := c.Close(); err != nil {
		t.Errorf("second Close() = %v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, endpoints := range [][]string{nil, {"127.0.0.1"}, {"127.0.0.1:1", "http://x"}} {
		if c, err := client.New(client.Options{Endpoints: endpoints}); err == nil {
			c.Close()
			t.Errorf("New(%q) succeeded", endpoints)
		}
	}
}

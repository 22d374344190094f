package client_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// proposedAt is how many proposals each member got.
func (c *cluster) proposedAt() []int64 {
	var out []int64
	for _, m := range c.members {
		out = append(out, m.proposals.Load())
	}
	return out
}

func propose(t *testing.T, c *client.Client) {
	t.Helper()
	if _, err := c.Propose(background, []byte("x")); err != nil {
		t.Fatalf("Propose() = %v", err)
	}
}

func TestTheLeaderIsFound(t *testing.T) {
	cl := newCluster(t, 3)
	cl.setLeader(3)
	// Only a follower is known to begin with.
	c := newClient(t, client.Options{Endpoints: cl.endpoints()[:1]})
	propose(t, c)
	if got := cl.proposedAt(); got[2] != 1 {
		t.Errorf("proposals at the members: %v, want the leader's to be third", got)
	}
}

func TestAnyMemberWillDo(t *testing.T) {
	cl := newCluster(t, 3)
	cl.setLeader(3)
	c := newClient(t, client.Options{Endpoints: cl.endpoints()[:1], AnyMember: true})
	propose(t, c)
	if got := cl.proposedAt(); got[0] != 1 {
		t.Errorf("proposals at the members: %v, want them at the first", got)
	}
}

func TestTheLeaderIsFollowed(t *testing.T) {
	cl := newCluster(t, 3)
	c := newClient(t, client.Options{Endpoints: cl.endpoints()})
	propose(t, c)
	old := cl.members[0]
	old.setHold(true)
	held := make(chan error, 1)
	go func() {
		_, err := c.Propose(background, []byte("held"))
		held <- err
	}()
	within(t, "proposal held", func() bool { return old.heldCount() == 1 })

	cl.setLeader(2)
	old.setHold(false)
	within(t, "proposals reach the new leader", func() bool {
		propose(t, c)
		return cl.members[1].proposals.Load() > 0
	})
	// Requests in flight at the old one are not lost.
	old.release(nil)
	if err := <-held; err != nil {
		t.Errorf("proposal in flight at the old leader: %v", err)
	}
}

func TestALeaderHintIsFollowedAtOnce(t *testing.T) {
	cl := newCluster(t, 2)
	c := newClient(t, client.Options{Endpoints: cl.endpoints()})
	propose(t, c)
	cl.members[0].setFail(func() error {
		cl.setLeader(2)
		return &server.Error{Err: server.ErrNoLeader, Leader: 2, LeaderAddress: cl.members[1].addr}
	})
	propose(t, c)
	if got := cl.proposedAt()[1]; got != 1 {
		t.Errorf("%d proposals at the new leader, want 1", got)
	}
}

func TestFailoverWhenTheLeaderStops(t *testing.T) {
	cl := newCluster(t, 3)
	c := newClient(t, client.Options{Endpoints: cl.endpoints()})
	propose(t, c)
	// A draining member refuses before it goes.
	cl.members[0].srv.Drain()
	propose(t, c)
	cl.setLeader(2)
	cl.members[0].stop(t)
	propose(t, c)
	if got := cl.proposedAt(); got[0] != 1 || got[1]+got[2] != 2 {
		t.Errorf("proposals at the members: %v", got)
	}
}

// TestBrokenStream: the outcome of what was sent is unknown, the next proposal
// goes on elsewhere.
func TestBrokenStream(t *testing.T) {
	cl := newCluster(t, 2)
	m := cl.members[0]
	m.setHold(true)
	c := newClient(t, client.Options{Endpoints: cl.endpoints()})
	results := make(chan error, 10)
	for range cap(results) {
		go func() {
			_, err := c.Propose(background, []byte("x"))
			results <- err
		}()
	}
	within(t, "all held", func() bool { return m.heldCount() == cap(results) })
	cl.setLeader(2)
	m.kill(t, 0)
	for range cap(results) {
		if err := <-results; !client.IsUnknown(err) || client.Reason(err) != client.ReasonConnectionLost {
			t.Errorf("in flight: %v, want unknown, connection lost", err)
		}
	}
	propose(t, c)
	if n := cl.members[1].proposals.Load(); n != 1 {
		t.Errorf("%d proposals at the other member, want only the last", n)
	}
	m.release(nil)
}

// TestRestartUnderLoad: every proposal ends in exactly one way, and what is
// said to be applied was applied exactly once.
func TestRestartUnderLoad(t *testing.T) {
	cl := newCluster(t, 2)
	c := newClient(t, client.Options{Endpoints: cl.endpoints()})
	ctx, cancel := context.WithCancel(background)
	var applied, unknown atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for ctx.Err() == nil {
				_, err := c.Propose(background, []byte("x"))
				switch {
				case err == nil:
					applied.Add(1)
				case client.IsUnknown(err):
					unknown.Add(1)
				default:
					t.Errorf("Propose() = %v although a member was up", err)
				}
			}
		})
	}
	for i := range 6 {
		m := cl.members[i%2]
		before := applied.Load()
		within(t, "progress", func() bool { return applied.Load() > before+500 })
		cl.setLeader(cl.members[(i+1)%2].id)
		if i%3 == 0 {
			m.stop(t)
		} else {
			m.kill(t, 0)
		}
		m.start(t, m.addr)
	}
	cancel()
	all.Wait()
	if got := int64(cl.index.Load()); got < applied.Load() || got > applied.Load()+unknown.Load() {
		t.Errorf("%d applied, but %d acknowledged and %d unknown", got, applied.Load(), unknown.Load())
	}
}

func TestNobodyThere(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	c := newClient(t, client.Options{Endpoints: []string{addr}, RequestTimeout: 100 * time.Millisecond})
	for _, size := range []int{1, 200 << 10} {
		_, err := c.Propose(background, make([]byte, size))
		if !client.IsNotApplied(err) || client.Reason(err) != client.ReasonUnreachable {
			t.Errorf("Propose(%d bytes) = %v, want not applied, unreachable", size, err)
		}
	}
	if _, err := c.Query(background, nil, client.Stale); client.Reason(err) != client.ReasonUnreachable {
		t.Errorf("Query() = %v", err)
	}
}

func TestABlackHoleIsPassed(t *testing.T) {
	// It accepts and says nothing.
	hole, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	cl := newCluster(t, 1)
	c := newClient(t, client.Options{
		Endpoints: append([]string{hole.Addr().String()}, cl.endpoints()...), DialTimeout: 50 * time.Millisecond,
	})
	propose(t, c)
	if _, err := c.Query(background, nil, client.Stale); err != nil {
		t.Errorf("Query() = %v", err)
	}
}

func TestTheClusterComesLater(t *testing.T) {
	cl := newCluster(t, 1)
	m := cl.members[0]
	m.stop(t)
	c := newClient(t, client.Options{Endpoints: cl.endpoints()})
	result := make(chan error, 1)
	go func() {
		_, err := c.Propose(background, []byte("x"))
		result <- err
	}()
	m.start(t, m.addr)
	if err := <-result; err != nil {
		t.Errorf("Propose() = %v", err)
	}
}

func TestQuery(t *testing.T) {
	cl := newCluster(t, 2)
	c := newClient(t, client.Options{Endpoints: cl.endpoints()})
	for level, want := range map[client.Consistency]string{client.Linearizable: "\x00k", client.Stale: "\x01k"} {
		got, err := c.Query(background, []byte("k"), level)
		if err != nil || string(got.Data) != want {
			t.Errorf("Query(%v) = %q, %v", level, got.Data, err)
		}
	}
	// Reads are tried again in every case, elsewhere.
	cl.members[0].setFail(func() error { return &server.Error{Err: server.ErrStorageRestart} })
	if _, err := c.Query(background, []byte("k"), client.Linearizable); err != nil {
		t.Errorf("Query() with one broken member = %v", err)
	}
	// But not if that makes no sense.
	for _, m := range cl.members {
		m.setFail(func() error { return &server.Error{Err: server.ErrQueryFailed, Detail: "no such table"} })
	}
	_, err := c.Query(background, []byte("k"), client.Linearizable)
	if client.Reason(err) != "query_failed" || !client.IsNotApplied(err) {
		t.Errorf("Query() = %v, want query_failed", err)
	}
}

func TestReadBarrier(t *testing.T) {
	cl := newCluster(t, 2)
	c := newClient(t, client.Options{Endpoints: cl.endpoints()})
	written, err := c.Propose(background, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	cl.members[0].setFail(func() error { return &server.Error{Err: server.ErrNoLeader} })
	if index, err := c.ReadBarrier(background); err != nil || index < written.Index {
		t.Errorf("ReadBarrier() after a write at %d = %d, %v", written.Index, index, err)
	}
	for _, m := range cl.members {
		m.setFail(func() error { return &server.Error{Err: server.ErrStopping} })
	}
	ctx, cancel := context.WithTimeout(background, 200*time.Millisecond)
	defer cancel()
	if _, err := c.ReadBarrier(ctx); !client.IsNotApplied(err) {
		t.Errorf("ReadBarrier() while all members stop = %v", err)
	}
}

func TestMembership(t *testing.T) {
	cl := newCluster(t, 3)
	cl.setLeader(2)
	c := newClient(t, client.Options{Endpoints: cl.endpoints()[:1]})
	m, err := c.Members(background)
	if err != nil || len(m.GetMembers()) != 3 || m.GetLeader() != "2" {
		t.Fatalf("Members() = %v, %v", m, err)
	}
	// Only the leader changes the membership: the client goes there.
	if m, err := c.AddMember(background, m.GetMembers()[0]); err != nil || len(m.GetMembers()) != 4 {
		t.Errorf("AddMember() = %v, %v", m, err)
	}
	moved := &hostv1.Member{Id: "1", PeerUrls: []string{"quic://h:1"}}
	if m, err := c.UpdateMember(background, moved); err != nil || m.GetMembers()[0].GetPeerUrls()[0] != "quic://h:1" {
		t.Errorf("UpdateMember() = %v, %v", m, err)
	}
	moved.Id = "fff"
	if _, err := c.UpdateMember(background, moved); client.Reason(err) != "unknown_member" || !client.IsNotApplied(err) {
		t.Errorf("UpdateMember(unknown) = %v", err)
	}
	mistyped := &hostv1.Member{Id: "1", PeerUrls: []string{mistypedURL}}
	if _, err := c.UpdateMember(background, mistyped); client.Reason(err) != "quorum_at_risk" || !client.IsNotApplied(err) {
		t.Errorf("UpdateMember(mistyped) = %v", err)
	}
	if _, err := c.UpdateMember(background, mistyped, client.Force()); err != nil {
		t.Errorf("UpdateMember(forced) = %v", err)
	}
	if _, err := c.RemoveMember(background, "2"); err != nil {
		t.Errorf("RemoveMember() = %v", err)
	}
	if _, err := c.RemoveMember(background, "fff"); client.Reason(err) != "unknown_member" {
		t.Errorf("RemoveMember(unknown) = %v", err)
	}
	// Each member says that it hears from too few. That is the answer; the
	// client does not ask them again until the time is over.
	if _, err := c.RemoveMember(background, "3"); client.Reason(err) != "no_quorum" || !client.IsNotApplied(err) || cl.noQuorum.Load() != 3 {
		t.Errorf("RemoveMember(no quorum) = %v after %d tries", err, cl.noQuorum.Load())
	}
	if _, err := c.RemoveMember(background, "3", client.Force()); err != nil {
		t.Errorf("RemoveMember(forced) = %v", err)
	}
	if m, err := c.CurrentMembers(background); err != nil || len(m.GetMembers()) != 3 {
		t.Errorf("CurrentMembers() = %v, %v", m, err)
	}
	if leader, err := c.TransferLeader(background, "3"); err != nil || leader != "3" {
		t.Errorf("TransferLeader() = %q, %v", leader, err)
	}
	propose(t, c)
	if got := cl.proposedAt(); got[2] != 1 {
		t.Errorf("proposals after the transfer: %v", got)
	}
}

func TestStatusAllHasARowForEveryMember(t *testing.T) {
	cl := newCluster(t, 3)
	cl.members[1].stop(t)
	// The first endpoint is the first member by another name; no member is at
	// the last one.
	host, port, _ := net.SplitHostPort(cl.members[0].addr)
	endpoints := []string{net.JoinHostPort("::ffff:"+host, port), cl.members[2].addr, "127.0.0.1:1"}
	c := newClient(t, client.Options{Endpoints: endpoints, DialTimeout: time.Second})
	rows, err := c.StatusAll(background)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprintf("%s up=%v", r.Member.GetId(), r.Err == nil && r.Status != nil))
	}
	want := "[1 up=true 2 up=false 3 up=true  up=false]"
	if fmt.Sprint(got) != want {
		t.Errorf("rows %v, want %v", got, want)
	}
	if st, err := c.Status(background, cl.members[2].addr); err != nil || st.GetId() != "3" {
		t.Errorf("Status() = %v, %v", st, err)
	}
	if _, err := c.Status(background, "127.0.0.1:1"); client.Reason(err) != client.ReasonUnreachable {
		t.Errorf("Status(nobody) = %v", err)
	}
}

func TestStatusAllWithoutAnybody(t *testing.T) {
	c := newClient(t, client.Options{Endpoints: []string{"127.0.0.1:1", "127.0.0.1:2"}})
	rows, err := c.StatusAll(background)
	if err == nil || len(rows) != 2 || rows[0].Err == nil || rows[1].Endpoint != "127.0.0.1:2" {
		t.Errorf("StatusAll() = %v, %v", rows, err)
	}
}

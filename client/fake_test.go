package client_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/api/apitest"
	"github.com/pontoon-raft/pontoon/internal/await"
	"github.com/pontoon-raft/pontoon/internal/server"
)

var _ server.Service = (*member)(nil)

// A member is a fake host of a fake cluster, served by the real internal/api.
// By default it applies proposals at once and echoes them.
type member struct {
	cluster *cluster
	id      server.NodeID
	srv     *api.Server
	addr    string
	tls     api.TLS // none if empty
	served  chan error
	stopped atomic.Bool

	// proposals counts what was proposed here, streams and unary.
	proposals atomic.Int64

	mu sync.Mutex
	// fail answers a proposal with its error if that is not nil.
	fail func() error
	// hold keeps proposals in held.
	hold bool
	held []func(error)
}

// A cluster is what its members agree on.
type cluster struct {
	mu      sync.Mutex
	leader  server.NodeID
	members []*member
	index   atomic.Uint64
	guard   *access.Guard // of every member; nil if clients may do everything
	// noQuorum counts removals that were refused for want of a quorum.
	noQuorum atomic.Uint64
}

// newCluster serves n members on loopback; the first, with id 1, leads.
func newCluster(t testing.TB, n int) *cluster {
	t.Helper()
	return newGuardedCluster(t, n, nil)
}

// membersListen is on an address that no other test has: a member that comes back does so on
// the port that it had, which nothing else may have taken meanwhile.
const membersListen = "127.0.0.5:0"

// newGuardedCluster is newCluster with members that ask who their clients are.
func newGuardedCluster(t testing.TB, n int, p *access.Policy) *cluster {
	t.Helper()
	guard, err := access.New(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{leader: 1, guard: guard}
	for i := range n {
		m := &member{cluster: c, id: server.NodeID(i + 1)}
		c.members = append(c.members, m)
		m.start(t, membersListen)
		t.Cleanup(func() { m.stop(t) })
	}
	return c
}

func (m *member) start(t testing.TB, addr string) {
	t.Helper()
	if err := m.serve(addr); err != nil {
		t.Fatal(err)
	}
}

// serve lets the member be a host at addr until its end.
func (m *member) serve(addr string) error {
	srv := api.New(api.Options{Service: m, Logger: slog.New(slog.DiscardHandler), Limits: apitest.Limits(), Access: m.cluster.guard, TLS: m.tls})
	if err := srv.Listen(addr, ""); err != nil {
		return err
	}
	m.srv, m.addr = srv, srv.Addr().String()
	m.served = make(chan error, 1)
	m.stopped.Store(false)
	go func(served chan error) { served <- srv.Serve() }(m.served)
	return nil
}

func (m *member) stop(t testing.TB) {
	t.Helper()
	if m.stopped.Swap(true) {
		return
	}
	m.srv.Drain()
	m.release(&server.Error{Err: server.ErrStopped})
	m.kill(t, time.Minute)
}

// kill stops without a grace if given none.
func (m *member) kill(t testing.TB, grace time.Duration) {
	t.Helper()
	if err := m.end(grace); err != nil {
		t.Errorf("Serve() = %v", err)
	}
}

// end ends what serve began and returns what became of it.
func (m *member) end(grace time.Duration) error {
	m.stopped.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	_ = m.srv.Stop(ctx)
	return <-m.served
}

func (c *cluster) endpoints() []string {
	var out []string
	for _, m := range c.members {
		out = append(out, m.addr)
	}
	return out
}

func (c *cluster) setLeader(id server.NodeID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leader = id
}

func (c *cluster) leaderID() server.NodeID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leader
}

func (m *member) setFail(f func() error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = f
}

func (m *member) setHold(hold bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hold = hold
}

func (m *member) heldCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.held)
}

// release applies what is held, or fails it.
func (m *member) release(err error) {
	m.mu.Lock()
	held := m.held
	m.held = nil
	m.mu.Unlock()
	for _, done := range held {
		done(err)
	}
}

func (m *member) Propose(ctx context.Context, data []byte) (server.Result, error) {
	return apitest.Propose(ctx, m, data)
}

func (m *member) Full(int) error { return nil }

func (m *member) ProposeAsync(data []byte, _ time.Duration, done func(server.Result, error)) {
	data = bytes.Clone(data)
	m.proposals.Add(1)
	answer := func(err error) {
		if err != nil {
			done(server.Result{}, err)
			return
		}
		done(server.Result{Index: m.cluster.index.Add(1), Data: data}, nil)
	}
	m.mu.Lock()
	if m.hold {
		m.held = append(m.held, answer)
		m.mu.Unlock()
		return
	}
	fail := m.fail
	m.mu.Unlock()
	if fail != nil {
		answer(fail())
		return
	}
	answer(nil)
}

func (m *member) Query(_ context.Context, data []byte, c server.Consistency) (server.Answer, error) {
	m.mu.Lock()
	fail := m.fail
	m.mu.Unlock()
	if fail != nil {
		if err := fail(); err != nil {
			return server.Answer{}, err
		}
	}
	return server.Answer{Data: append([]byte{byte(c)}, data...), Index: m.cluster.index.Load()}, nil
}

// QueryStream answers with the query's words as chunks; after the word "break" as a
// state machine that has ended.
func (m *member) QueryStream(ctx context.Context, data []byte, c server.Consistency, begin func(context.Context, server.Place) error, send func([]byte) error) error {
	answer, err := m.Query(ctx, nil, c)
	if err == nil {
		err = begin(ctx, server.Place{Index: answer.Index, History: 0xf00d})
	}
	for _, word := range bytes.Fields(data) {
		switch {
		case err != nil:
		case string(word) == "break":
			err = &server.Error{Err: server.ErrNotReady, Detail: "the state machine has ended"}
		case string(word) == "wait":
			<-ctx.Done()
			err = ctx.Err()
		default:
			err = send(word)
		}
	}
	return err
}

func (m *member) ReadBarrier(ctx context.Context) (uint64, error) {
	answer, err := m.Query(ctx, nil, server.Linearizable)
	return answer.Index, err
}

func newClient(t testing.TB, o client.Options) *client.Client {
	t.Helper()
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// within fails the test unless cond becomes true in time.
func within(t testing.TB, what string, cond func() bool) {
	t.Helper()
	await.That(t, 15*time.Second, what, cond)
}

package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/api/apitest"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/kv"
)

// fakeHost is a member of a cluster, served by the real API: the real kv state
// machine, and no consensus. It answers what a test sets.
type fakeHost struct {
	machine statemachine.StateMachine
	address string

	mu      sync.Mutex
	index   uint64
	err     error // of every request but Status and Membership
	status  server.Status
	members server.Membership
	force   bool // a change was forced
	lines   []server.PluginLine
	since   time.Time
}

var _ server.Service = (*fakeHost)(nil)

// startFake serves a member called n1 that leads a cluster of n1 and the
// members that a test adds.
func startFake(t *testing.T) *fakeHost {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	h := &fakeHost{machine: kv.New(backend.Env{Logger: logger})}
	opts := plugins.Options{ClusterID: 0xc1, NodeID: 1, Group: 1, Incarnation: 1, DataDir: t.TempDir(), Limits: plugins.DefaultLimits()}
	if _, err := h.machine.Open(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	s := api.New(api.Options{Service: h, Logger: logger, Limits: apitest.Limits()})
	if err := s.Listen("127.0.0.1:0", ""); err != nil {
		t.Fatal(err)
	}
	h.address = s.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	h.status = server.Status{
		ClusterID: 0xc1, ID: 1, Name: "n1", Role: "leader", Leader: 1, Term: 7,
		Commit: 20, Applied: 19, FirstIndex: 3, LastIndex: 21, SnapshotIndex: 2,
		Plugins: []server.PluginStatus{
			{Kind: "transport", Name: "http", Version: "1.0", PID: 11, State: "ready"},
			{Kind: "storage", Name: "wal", Version: "1.0", PID: 12, State: "ready", Restarts: 2},
			{Kind: "statemachine", Name: "kv", Version: "1.0", PID: 13, State: "ready"},
		},
	}
	h.members = server.Membership{ClusterID: 0xc1, Leader: 1, Members: []server.Member{
		{ID: 1, Name: "n1", PeerURLs: []string{"http://127.0.0.1:1"}, ClientAddress: h.address},
	}}
	return h
}

// set changes what the host answers.
func (h *fakeHost) set(change func(*fakeHost)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(h)
}

func (h *fakeHost) Propose(ctx context.Context, data []byte) (server.Result, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		return server.Result{}, h.err
	}
	h.index++
	batch := statemachine.Batch{Entries: []statemachine.Entry{{Index: h.index, Data: slices.Clone(data)}}, Through: h.index}
	results, err := h.machine.Apply(ctx, batch)
	if err != nil {
		return server.Result{}, err
	}
	return server.Result{Index: h.index, Data: results[0].Data, Error: results[0].Error}, nil
}

func (h *fakeHost) ProposeAsync(data []byte, _ time.Duration, done func(server.Result, error)) {
	done(h.Propose(context.Background(), bytes.Clone(data)))
}

func (h *fakeHost) Full(int) error { return nil }

func (h *fakeHost) Query(ctx context.Context, data []byte, _ server.Consistency) (server.Answer, error) {
	h.mu.Lock()
	err, index := h.err, h.index
	h.mu.Unlock()
	if err != nil {
		return server.Answer{}, err
	}
	answer, err := h.machine.Query(ctx, data)
	if err != nil {
		return server.Answer{}, &server.Error{Err: server.ErrQueryFailed, Detail: err.Error()}
	}
	return server.Answer{Data: answer, Index: index}, nil
}

func (h *fakeHost) QueryStream(ctx context.Context, data []byte, _ server.Consistency, begin func(context.Context, server.Place) error, send func([]byte) error) error {
	index, err := h.ReadBarrier(ctx)
	if err == nil {
		err = begin(ctx, server.Place{Index: index, History: 0xf00d})
	}
	if err != nil {
		return err
	}
	err = statemachine.QueryStream(ctx, h.machine, data, send)
	if errors.Is(err, statemachine.ErrInvalidQuery) {
		err = &server.Error{Err: server.ErrInvalid, Detail: err.Error()}
	}
	return err
}

func (h *fakeHost) ReadBarrier(context.Context) (uint64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.index, h.err
}

func (h *fakeHost) Status() server.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.status
}

func (h *fakeHost) Membership() server.Membership {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.members
	m.Members = slices.Clone(m.Members)
	return m
}

func (h *fakeHost) CurrentMembership(context.Context) (server.Membership, error) {
	return h.Membership(), nil
}

func (h *fakeHost) AddMember(_ context.Context, m server.Member, o server.ChangeOptions) (server.Membership, error) {
	h.set(func(h *fakeHost) {
		h.force = h.force || o.Force
		if h.err == nil {
			m.Learner, m.Promote = !o.Force, !o.Force
			h.members.Members = append(h.members.Members, m)
		}
	})
	return h.Membership(), h.err
}

func (h *fakeHost) UpdateMember(_ context.Context, m server.Member, o server.ChangeOptions) (server.Membership, error) {
	h.set(func(h *fakeHost) {
		h.force = h.force || o.Force
		for i := range h.members.Members {
			if h.err == nil && h.members.Members[i].ID == m.ID {
				h.members.Members[i].PeerURLs = m.PeerURLs
			}
		}
	})
	return h.Membership(), h.err
}

func (h *fakeHost) RemoveMember(_ context.Context, id server.NodeID, o server.ChangeOptions) (server.Membership, error) {
	h.set(func(h *fakeHost) {
		h.force = h.force || o.Force
		if h.err == nil {
			h.members.Members = slices.DeleteFunc(h.members.Members, func(m server.Member) bool { return m.ID == id })
		}
	})
	return h.Membership(), h.err
}

func (h *fakeHost) TransferLeader(_ context.Context, to server.NodeID) (server.NodeID, error) {
	return max(to, 1), h.err
}

func (h *fakeHost) PluginLines(which server.PluginLines) ([]server.PluginLine, time.Time, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var lines []server.PluginLine
	for _, l := range h.lines {
		if l.Number > which.After && which.Kind == "storage" {
			lines = append(lines, l)
		}
	}
	return lines, h.since, h.err
}

func (h *fakeHost) RestartPlugin(_ context.Context, kind, _ string) (server.PluginStatus, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return server.PluginStatus{Kind: kind, Name: "wal", PID: 99, State: "ready", Generation: 4}, h.err
}

func (h *fakeHost) UpgradePlugin(_ context.Context, kind, _, to string) (server.PluginUpgrade, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return server.PluginUpgrade{
		Plugin: server.PluginStatus{Kind: kind, Name: "wal", Version: "2", PID: 99, State: "ready", Generation: 4}, SHA256: "ab", VersionBefore: "1", SHA256Before: "cd", Unchanged: to == "2",
	}, h.err
}

func (h *fakeHost) MoveStorage(context.Context, server.StorageMoveRequest) (server.StorageMove, error) {
	return server.StorageMove{}, h.err
}

func (h *fakeHost) ReadSnapshot(_ context.Context, _ bool, _ func(server.SnapshotInfo) error, _ func([]byte) error) error {
	return nil
}

func (h *fakeHost) Live() error  { return nil }
func (h *fakeHost) Ready() error { return nil }

package api_test

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/api/apitest"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/server"
)

var _ server.Service = (*fakeService)(nil)

// fakeService answers as its fields say; by default it applies everything at
// once and echoes the data.
type fakeService struct {
	mu sync.Mutex
	// fail is the error of every request, if set.
	fail error
	// full is why there is no room for values of more than room bytes.
	full error
	room int
	// hold keeps asynchronous proposals until release.
	hold  bool
	held  []func(server.Result, error)
	ready error
	live  error
	index uint64

	// stream is what an answer in chunks has after the words of its query, and until the
	// context that ends when the state machine is needed back.
	stream func(ctx context.Context, send func([]byte) error) error
	until  context.Context

	lastQuery  server.Consistency
	lastChange server.ChangeOptions
	current    int // how often the present membership was asked for
	lastMember server.Member
	lastID     server.NodeID
	lines      server.PluginLines
	timeouts   []time.Duration
	result     func(data []byte) server.Result
	joined     []server.Member // besides the two that are always there
}

func (f *fakeService) Propose(ctx context.Context, data []byte) (server.Result, error) {
	return apitest.Propose(ctx, f, data)
}

func (f *fakeService) Full(bytes int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if bytes <= f.room {
		return nil
	}
	return f.full
}

func (f *fakeService) ProposeAsync(data []byte, timeout time.Duration, done func(server.Result, error)) {
	data = bytes.Clone(data)
	f.mu.Lock()
	f.timeouts = append(f.timeouts, timeout)
	if f.hold {
		f.index++
		r := server.Result{Index: f.index, Data: data}
		if f.result != nil {
			r = f.result(data)
		}
		f.held = append(f.held, func(_ server.Result, err error) {
			if err != nil {
				done(server.Result{}, err)
				return
			}
			done(r, nil)
		})
		f.mu.Unlock()
		return
	}
	r, err := f.applyLocked(data)
	f.mu.Unlock()
	done(r, err)
}

func (f *fakeService) applyLocked(data []byte) (server.Result, error) {
	if f.fail != nil {
		return server.Result{}, f.fail
	}
	f.index++
	if f.result != nil {
		return f.result(data), nil
	}
	return server.Result{Index: f.index, Data: data}, nil
}

// release answers all that is held, with err if it is not nil.
func (f *fakeService) release(err error) {
	f.mu.Lock()
	held := f.held
	f.held = nil
	f.mu.Unlock()
	for _, done := range held {
		done(server.Result{}, err)
	}
}

func (f *fakeService) set(change func(*fakeService)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fakeService) appliedCount() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.index
}

func (f *fakeService) heldCount() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.held)
}

func (f *fakeService) Query(_ context.Context, data []byte, c server.Consistency) (server.Answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastQuery = c
	return server.Answer{Data: data, Index: 7}, f.fail
}

// QueryStream answers with the query's words as chunks, and then as stream says.
func (f *fakeService) QueryStream(ctx context.Context, data []byte, c server.Consistency, begin func(context.Context, server.Place) error, send func([]byte) error) error {
	f.mu.Lock()
	f.lastQuery = c
	fail, stream := f.fail, f.stream
	f.mu.Unlock()
	if fail != nil {
		return fail
	}
	until := f.until
	if until == nil {
		until = context.Background()
	}
	if err := begin(until, server.Place{Index: 7, History: 0xf00d}); err != nil {
		return err
	}
	for _, word := range bytes.Fields(data) {
		if err := send(word); err != nil {
			return err
		}
	}
	if stream != nil {
		return stream(ctx, send)
	}
	return nil
}

func (f *fakeService) ReadBarrier(context.Context) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return 7, f.fail
}

func (f *fakeService) Status() server.Status {
	return server.Status{
		ClusterID: 0xABCD, ID: 0xff, Name: "n1", Role: "leader", Leader: 0xff, Term: 3, Commit: 12, Applied: 11,
		FirstIndex: 1, LastIndex: 12, SnapshotIndex: 0,
		Links:    []server.PeerLink{{ID: 0xa, Transport: "http", Active: true, Usable: []string{"quic", "http"}}},
		Plugins:  []server.PluginStatus{{Kind: "storage", Name: "wal", Version: "1", PID: 42, State: "ready", Restarts: 1, Warning: "short of space: so it is"}},
		Progress: []server.PeerProgress{{Progress: node.Progress{ID: 0xa, Match: 11, Next: 12, State: "replicate", Active: true}}},
	}
}

func (f *fakeService) Membership() server.Membership {
	return server.Membership{
		ClusterID: 0xABCD,
		Leader:    0xff,
		Members: append([]server.Member{
			{ID: 0xa, Name: "n2", PeerURLs: []string{"http://127.0.0.1:7502"}, ClientAddress: "127.0.0.1:7402", Learner: true},
			{ID: 0xff, Name: "n1", PeerURLs: []string{"http://127.0.0.1:7501"}, ClientAddress: "127.0.0.1:7401"},
		}, f.joined...),
	}
}

func (f *fakeService) CurrentMembership(context.Context) (server.Membership, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current++
	return f.Membership(), f.fail
}

func (f *fakeService) AddMember(_ context.Context, m server.Member, o server.ChangeOptions) (server.Membership, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastMember, f.lastChange = m, o
	return f.Membership(), f.fail
}

func (f *fakeService) UpdateMember(_ context.Context, m server.Member, o server.ChangeOptions) (server.Membership, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastMember, f.lastChange = m, o
	return f.Membership(), f.fail
}

func (f *fakeService) RemoveMember(_ context.Context, id server.NodeID, o server.ChangeOptions) (server.Membership, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastID, f.lastChange = id, o
	return f.Membership(), f.fail
}

func (f *fakeService) TransferLeader(_ context.Context, to server.NodeID) (server.NodeID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastID = to
	return 0xa, f.fail
}

func (f *fakeService) PluginLines(which server.PluginLines) ([]server.PluginLine, time.Time, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = which
	return []server.PluginLine{{Number: 7, Time: time.UnixMilli(1500), PID: 42, Stream: "stderr", Text: "disk is \xff slow"}}, time.UnixMilli(900), f.fail
}

func (f *fakeService) RestartPlugin(_ context.Context, kind, name string) (server.PluginStatus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return server.PluginStatus{Kind: kind, Name: "wal", State: "ready", Generation: 2}, f.fail
}

func (f *fakeService) UpgradePlugin(_ context.Context, kind, name, to string) (server.PluginUpgrade, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return server.PluginUpgrade{Plugin: server.PluginStatus{Kind: kind, Name: "wal", Version: to, State: "ready"}, SHA256: "ab", VersionBefore: "1", SHA256Before: "cd"}, f.fail
}

func (f *fakeService) MoveStorage(_ context.Context, ask server.StorageMoveRequest) (server.StorageMove, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return server.StorageMove{From: "wal", To: ask.To, Phase: "copying", Entries: 7, EntriesTotal: 9, Bytes: 70, Left: "storage.wal.1"}, f.fail
}

func (f *fakeService) ReadSnapshot(_ context.Context, _ bool, begin func(server.SnapshotInfo) error, chunk func([]byte) error) error {
	if err := begin(server.SnapshotInfo{Index: 7, Term: 2, Bytes: 5}); err != nil {
		return err
	}
	if err := chunk([]byte("state")); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fail
}

func (f *fakeService) Live() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.live
}

func (f *fakeService) Ready() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ready
}

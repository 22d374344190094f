package etcd36

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/etcdserver/api/rafthttp"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	stats "go.etcd.io/etcd/server/v3/etcdserver/api/v2stats"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"

	"github.com/pontoon-raft/pontoon/internal/loopback"
)

const cluster = 0xc1

// etcdEnd is a node that runs etcd's rafthttp.
type etcdEnd struct {
	*seen
	id          uint64
	transport   *rafthttp.Transport
	server      *httptest.Server
	snapshotter *snap.Snapshotter
	errors      chan error

	mu      sync.Mutex
	process func(raftpb.Message) error // nil: record it
	removed map[uint64]bool
}

// startEtcd starts a node that knows no peer.
func startEtcd(t testing.TB, id uint64) *etcdEnd {
	t.Helper()
	n := &etcdEnd{seen: newSeen(), id: id, removed: map[uint64]bool{}, errors: make(chan error, 16)}
	n.snapshotter = snap.New(zap.NewNop(), t.TempDir())
	n.transport = &rafthttp.Transport{
		Logger: zap.NewNop(), DialTimeout: 2 * time.Second,
		ID: types.ID(id), ClusterID: cluster, Raft: n, Snapshotter: n.snapshotter,
		ServerStats: stats.NewServerStats("", ""), LeaderStats: stats.NewLeaderStats(zap.NewNop(), types.ID(id).String()),
		ErrorC: n.errors,
	}
	n.server = httptest.NewUnstartedServer(nil)
	var err error
	if n.transport.URLs, err = types.NewURLs([]string{"http://" + n.server.Listener.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	if err := n.transport.Start(); err != nil {
		t.Fatal(err)
	}
	n.server.Config.Handler = n.transport.Handler()
	n.server.Start()
	t.Cleanup(func() {
		n.transport.Stop()
		_ = n.server.Config.Close()
	})
	return n
}

func (n *etcdEnd) address() string { return n.server.Listener.Addr().String() }

func (n *etcdEnd) send(messages ...raftpb.Message) { n.transport.Send(messages) }

// Process implements rafthttp.Raft.
func (n *etcdEnd) Process(_ context.Context, m raftpb.Message) error {
	n.mu.Lock()
	process := n.process
	n.mu.Unlock()
	if process != nil {
		return process(m)
	}
	n.received(m)
	return nil
}

// processWith makes f the node's raft.
func (n *etcdEnd) processWith(f func(raftpb.Message) error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.process = f
}

// remove makes the node hold a member for removed.
func (n *etcdEnd) remove(id uint64) {
	n.mu.Lock()
	n.removed[id] = true
	n.mu.Unlock()
	n.transport.RemovePeer(types.ID(id))
}

// IsIDRemoved implements rafthttp.Raft.
func (n *etcdEnd) IsIDRemoved(id uint64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.removed[id]
}

// ReportUnreachable implements rafthttp.Raft.
func (n *etcdEnd) ReportUnreachable(id uint64) { n.lost(id) }

// ReportSnapshot implements rafthttp.Raft.
func (n *etcdEnd) ReportSnapshot(_ uint64, status raft.SnapshotStatus) {
	n.ended(status == raft.SnapshotFinish)
}

// freeAddress is an address on which no program listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	address, err := new(loopback.Ports).Free()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// refusing is an error that answers a pipeline request itself, as etcd's
// errors once did: rafthttp calls WriteTo if it has no result.
type refusing int

func (r refusing) Error() string { return http.StatusText(int(r)) }

func (r refusing) WriteTo(w http.ResponseWriter) { http.Error(w, r.Error(), int(r)) }

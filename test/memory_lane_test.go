//go:build linux

package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/shortdir"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/transportrpc"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// memoryTransport is a plugin whose network is in the memory of the test: in
// its own process it opens, over RPC, an endpoint that the test serves on the
// socket that its config names.
type memoryTransport struct{ end atomic.Pointer[memoryEnd] }

// memoryEnd is what calls go to; conn is nil until an endpoint is there.
type memoryEnd struct {
	transport.Transport
	conn *grpc.ClientConn
}

const memoryName = "memory"

func memoryBackend() backend.Backend {
	return backend.Transport(memoryName, func(backend.Env) transport.Transport {
		m := &memoryTransport{}
		m.end.Store(&memoryEnd{Transport: transporttest.NewNetwork().New()})
		return m
	})
}

func (m *memoryTransport) Describe() plugins.Info {
	info := m.end.Load().Describe()
	info.Name = memoryName
	return info
}

func (m *memoryTransport) Open(ctx context.Context, opts transport.Options, h transport.Handler) (string, error) {
	before := m.end.Load()
	if before.conn != nil {
		return before.Open(ctx, opts, h)
	}
	dialling, err := pluginrpc.DialOptions(opts.Limits)
	if err != nil {
		return "", err
	}
	conn, err := grpc.NewClient("unix:"+string(opts.Config),
		append(dialling, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		return "", err
	}
	opts.Config = nil
	end := &memoryEnd{Transport: transportrpc.NewClient(conn, before.Describe()), conn: conn}
	address, err := end.Open(ctx, opts, h)
	if err != nil {
		_ = conn.Close()
		return "", err
	}
	m.end.Store(end)
	return address, nil
}

func (m *memoryTransport) SetPeers(ctx context.Context, set transport.PeerSet) error {
	return m.end.Load().SetPeers(ctx, set)
}

func (m *memoryTransport) Send(ctx context.Context, envelopes []transport.Envelope) error {
	return m.end.Load().Send(ctx, envelopes)
}

func (m *memoryTransport) SendSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error {
	return m.end.Load().SendSnapshot(ctx, header, r)
}

func (m *memoryTransport) Ping(ctx context.Context, peer transport.Peer) error {
	return transport.PingOf(ctx, m.end.Load().Transport, peer)
}

func (m *memoryTransport) Close(ctx context.Context) error {
	end := m.end.Load()
	err := end.Close(ctx)
	if end.conn != nil {
		_ = end.conn.Close()
	}
	return err
}

// memoryNetworks are those of a kit's tests, by name: nodes of a test reach
// each other.
type memoryNetworks struct {
	dir      string
	networks map[string]*transporttest.Network
	served   int
}

// config serves an endpoint of the test's network and returns its socket.
func (m *memoryNetworks) config(t *testing.T, _, _ uint64) []byte {
	t.Helper()
	if m.networks[t.Name()] == nil {
		m.networks[t.Name()] = transporttest.NewNetwork()
	}
	m.served++
	path := filepath.Join(m.dir, fmt.Sprint(m.served))
	socket, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	endpoint := m.networks[t.Name()].New()
	rpctest.Serve(t, socket, func(r grpc.ServiceRegistrar) { transportrpc.Register(r, endpoint) })
	return []byte(path)
}

func memoryHarness(t *testing.T, spec catalog.Spec) transporttest.Harness {
	t.Helper()
	dir, err := os.MkdirTemp(shortdir.Parent(), "e2e-memory-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	networks := &memoryNetworks{dir: dir, networks: map[string]*transporttest.Network{}}
	return transporttest.Harness{
		New:        newLane(t).Transport(spec),
		NodeConfig: networks.config,
		URL:        transporttest.URL,
	}
}

func TestMemoryInAProcess(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, memoryHarness(t, catalog.Spec{Kind: plugins.Transport, Name: memoryName}))
}

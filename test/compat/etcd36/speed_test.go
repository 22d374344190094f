package etcd36

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	httptransport "github.com/pontoon-raft/pontoon/plugins/transport/http"
	"github.com/pontoon-raft/pontoon/plugins/transport/transportrpc"
)

// load is one kind of message, made anew each time because a transport keeps
// what it is given.
type load struct {
	name string
	make func(n uint64) raftpb.Message
	size int
	// window is how many are on their way: few enough that none is dropped.
	window int
}

func appendLoad(entries, size, window int) load {
	data := make([]byte, size)
	return load{
		name: fmt.Sprintf("MsgApp %d x %d B", entries, size), size: entries * size, window: window,
		make: func(n uint64) raftpb.Message {
			m := raftpb.Message{Type: raftpb.MsgApp, From: etcdID, To: ourID, Term: 1, LogTerm: 1, Index: n * uint64(entries), Commit: n}
			m.Entries = make([]raftpb.Entry, entries)
			for i := range m.Entries {
				m.Entries[i] = raftpb.Entry{Term: 1, Index: m.Index + uint64(i) + 1, Data: data}
			}
			return m
		},
	}
}

func loads() []load {
	return []load{
		appendLoad(64, 256, 64),
		appendLoad(1, 64, 512),
		{"heartbeat", func(n uint64) raftpb.Message {
			return raftpb.Message{Type: raftpb.MsgHeartbeat, From: etcdID, To: ourID, Term: 1, Commit: n}
		}, 0, 512},
	}
}

// counting is a receiving end that decodes and counts.
type counting struct {
	arrived atomic.Int64
	wake    chan struct{}
}

func newCounting() *counting { return &counting{wake: make(chan struct{}, 1)} }

func (c *counting) add(n int) {
	c.arrived.Add(int64(n))
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *counting) Deliver(envelopes []transport.Envelope) {
	for i := range envelopes {
		var m raftpb.Message
		if m.Unmarshal(envelopes[i].Payload) != nil {
			return
		}
	}
	c.add(len(envelopes))
}

func (c *counting) Notify([]transport.Event) {}

func (c *counting) ReceiveSnapshot(context.Context, transport.SnapshotHeader, io.Reader) error {
	return transport.ErrSnapshotRefused
}

// measure sends b.N messages.
func measure(b *testing.B, l load, send func(raftpb.Message), c *counting) {
	await := func(least int64) {
		timeout := time.After(patience)
		for c.arrived.Load() < least {
			select {
			case <-c.wake:
			case <-timeout:
				b.Fatalf("%d of %d messages arrived", c.arrived.Load(), least)
			}
		}
	}
	// The stream is up when a message has arrived.
	for warm := int64(0); c.arrived.Load() == warm; {
		send(l.make(0))
		select {
		case <-c.wake:
		case <-time.After(50 * time.Millisecond):
		}
	}
	<-time.After(300 * time.Millisecond) // both streams, and all stragglers
	start := c.arrived.Load()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		send(l.make(uint64(i)))
		await(start + int64(i+1-l.window))
	}
	await(start + int64(b.N))
	b.StopTimer()
}

func benchEtcd(b *testing.B, l load) {
	from, to := startEtcd(b, etcdID), startEtcd(b, ourID)
	c := newCounting()
	to.processWith(func(raftpb.Message) error { c.add(1); return nil })
	from.transport.AddPeer(types.ID(ourID), []string{"http://" + to.address()})
	to.transport.AddPeer(types.ID(etcdID), []string{"http://" + from.address()})
	measure(b, l, func(m raftpb.Message) { from.send(m) }, c)
}

// benchOurs starts with a message and ends with one, like etcd's transport:
// encoding and decoding are in the figures.
func benchOurs(create func(testing.TB) transport.Transport) func(*testing.B, load) {
	return func(b *testing.B, l load) {
		c := newCounting()
		var ends []transport.Transport
		var peers []transport.Peer
		for _, id := range []uint64{etcdID, ourID} {
			tr := create(b)
			address, err := tr.Open(context.Background(), transport.Options{
				Options: plugins.Options{
					ClusterID: cluster, NodeID: id, Group: 1, Incarnation: 1, DataDir: b.TempDir(),
					Limits: plugins.DefaultLimits(), Tick: 100 * time.Millisecond, Election: time.Second,
				},
				Listen: "127.0.0.1:0",
			}, c)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = tr.Close(context.Background()) })
			ends, peers = append(ends, tr), append(peers, transport.Peer{Id: id, Urls: []string{"http://" + address}})
		}
		for i, tr := range ends {
			if err := tr.SetPeers(context.Background(), transport.PeerSet{Peers: peers[1-i : 2-i]}); err != nil {
				b.Fatal(err)
			}
		}
		measure(b, l, func(m raftpb.Message) {
			if err := ends[0].Send(context.Background(), []transport.Envelope{envelope(m)}); err != nil {
				b.Fatal(err)
			}
		}, c)
	}
}

// TestSpeed compares the transports in one run, in turns, and prints medians.
// It judges nothing: a busy machine would.
func TestSpeed(t *testing.T) {
	if os.Getenv("BENCH") == "" {
		t.Skip("make bench-transport")
	}
	inProcess := func(testing.TB) transport.Transport { return httptransport.New(backend.Env{}) }
	// Both ends of each connection are in this process: the hops cost encoding
	// and copying, without what two more processes gain and lose.
	overRPC := func(t testing.TB) transport.Transport {
		tr := inProcess(t)
		conn := rpctest.Dial(t, func(r grpc.ServiceRegistrar) { transportrpc.Register(r, tr) })
		return withCourier(t, transportrpc.NewClient(conn, tr.Describe()))
	}
	variants := []struct {
		name string
		run  func(*testing.B, load)
	}{{"etcd 3.6 rafthttp", benchEtcd}, {"http", benchOurs(inProcess)}, {"http through two RPC hops", benchOurs(overRPC)}}
	const rounds = 3
	fmt.Printf("%-18s %-27s %12s %10s %10s %8s\n", "message", "transport", "messages/s", "B/op", "allocs/op", "ratio")
	for _, l := range loads() {
		results := make([][]testing.BenchmarkResult, len(variants))
		for range rounds {
			for i, v := range variants {
				results[i] = append(results[i], testing.Benchmark(func(b *testing.B) { v.run(b, l) }))
			}
		}
		var etcd float64
		for i, v := range variants {
			slices.SortFunc(results[i], func(a, b testing.BenchmarkResult) int { return int(a.NsPerOp() - b.NsPerOp()) })
			median := results[i][rounds/2]
			rate := float64(median.N) / median.T.Seconds()
			if i == 0 {
				etcd = rate
			}
			fmt.Printf("%-18s %-27s %12.0f %10d %10d %8.2f\n", l.name, v.name, rate, median.AllocedBytesPerOp(), median.AllocsPerOp(), rate/etcd)
		}
	}
}

//go:build linux

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	kvv1 "github.com/pontoon-raft/pontoon/api/kv/v1"
	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/plugincheck/lane"
	"github.com/pontoon-raft/pontoon/internal/shortdir"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/kv/kvtest"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// newLane makes a lane of this test's own. Shipped plugins are served by this test binary,
// which is started again, external ones by path and sha256.
func newLane(t testing.TB) *lane.Lane {
	t.Helper()
	dir, err := os.MkdirTemp(shortdir.Parent(), "e2e-lane-")
	if err != nil {
		t.Fatal(err)
	}
	l, err := lane.New(catalog.Options{
		Logger: slog.New(slog.DiscardHandler), RuntimeDir: dir, Backends: append(shipped(), memoryBackend()),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close catalog: %v", err)
		}
		if left := live.Processes(func(p live.Process) bool { return p.Parent == os.Getpid() && p.Has(dir) }); len(left) > 0 {
			t.Errorf("plugins outlive their catalog: %v", left)
		}
		os.RemoveAll(dir)
	})
	return l
}

// loopbacks are the addresses of this machine that were given to kits. Each kit has one
// of its own: its nodes come back on ports that the system has chosen, which no other
// test may have taken meanwhile.
var loopbacks atomic.Uint32

// ownLoopback is an address to listen on that no other test has.
func ownLoopback() string { return fmt.Sprintf("127.0.1.%d:0", loopbacks.Add(1)) }

func TestKVInAProcess(t *testing.T) {
	t.Parallel()
	l := newLane(t)
	statemachinetest.Run(t, kvtest.Harness(l.StateMachine(catalog.Spec{Kind: plugins.StateMachine, Name: "kv"})))
}

// The speed of kv in a process of its own, with nothing else to do: puts of 256 bytes to
// 10,000 keys.
func BenchmarkKVInAProcess(b *testing.B) {
	h := kvtest.Harness(newLane(b).StateMachine(catalog.Spec{Kind: plugins.StateMachine, Name: "kv"}))
	value := bytes.Repeat([]byte{'v'}, 256)
	h.Command = func(i int) []byte {
		put := &kvv1.Put{Key: fmt.Appendf(nil, "key-%04d", i%10_000), Value: value}
		return kvtest.Encode(&kvv1.Command{Op: &kvv1.Command_Put{Put: put}})
	}
	statemachinetest.RunBenchmarks(b, h)
}

func TestWALInAProcess(t *testing.T) {
	t.Parallel()
	l := newLane(t)
	storagetest.Run(t, storagetest.Harness{
		New:       l.Storage(catalog.Spec{Kind: plugins.Storage, Name: "wal"}),
		Kill:      func(t testing.TB, s storage.Storage) { l.Kill(t, s) },
		ModelRuns: rounds(10),
	})
}

func TestHTTPInAProcess(t *testing.T) {
	t.Parallel()
	l := newLane(t)
	transporttest.Run(t, transporttest.Harness{
		New:    l.Transport(catalog.Spec{Kind: plugins.Transport, Name: "http"}),
		Listen: ownLoopback(),
		URL:    func(address string) string { return "http://" + address },
		TCP:    true,
	})
}

// silenceOverQUIC is how long both ends need to give up a connection on which
// nothing goes any more.
const silenceOverQUIC = 7 * time.Second

func TestQUICInAProcess(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, transporttest.Harness{
		New:    newLane(t).Transport(catalog.Spec{Kind: plugins.Transport, Name: "quic"}),
		Listen: ownLoopback(),
		URL:    func(address string) string { return "quic://" + address },
		UDP:    silenceOverQUIC,
	})
}

// The external lane: this very binary, as if it were a third party's.
func TestA6ExternalPluginsInProcesses(t *testing.T) {
	t.Parallel()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	sum := sumOf(t, own)
	external := func(kind plugins.Kind, name string) catalog.Spec {
		return catalog.Spec{Kind: kind, Command: []string{own, "plugin-serve", string(kind), name}, SHA256: sum}
	}
	t.Run("kv", func(t *testing.T) {
		t.Parallel()
		statemachinetest.Run(t, kvtest.Harness(newLane(t).StateMachine(external(plugins.StateMachine, "kv"))))
	})
	t.Run("wal", func(t *testing.T) {
		t.Parallel()
		l := newLane(t)
		storagetest.Run(t, storagetest.Harness{
			New:       l.Storage(external(plugins.Storage, "wal")),
			Kill:      func(t testing.TB, s storage.Storage) { l.Kill(t, s) },
			ModelRuns: rounds(10),
		})
	})
	t.Run("http", func(t *testing.T) {
		t.Parallel()
		transporttest.Run(t, transporttest.Harness{
			New:    newLane(t).Transport(external(plugins.Transport, "http")),
			Listen: ownLoopback(),
			URL:    func(address string) string { return "http://" + address },
			TCP:    true,
		})
	})
	t.Run("quic", func(t *testing.T) {
		t.Parallel()
		transporttest.Run(t, transporttest.Harness{
			New:    newLane(t).Transport(external(plugins.Transport, "quic")),
			Listen: ownLoopback(),
			URL:    func(address string) string { return "quic://" + address },
			UDP:    silenceOverQUIC,
		})
	})
	t.Run(memoryName, func(t *testing.T) {
		t.Parallel()
		transporttest.Run(t, memoryHarness(t, external(plugins.Transport, memoryName)))
	})
	t.Run("counter", func(t *testing.T) {
		t.Parallel()
		l, path := newLane(t), counterProgram(t)
		statemachinetest.Run(t, statemachinetest.Harness{
			New: l.StateMachine(catalog.Spec{
				Kind: plugins.StateMachine, Command: []string{path}, SHA256: sumOf(t, path),
			}),
			Command: func(i int) []byte { return strconv.AppendInt(nil, int64(i+1), 10) },
			Observe: func(ctx context.Context, sm statemachine.StateMachine) (string, error) {
				value, err := sm.Query(ctx, []byte("value"))
				return string(value), err
			},
			BadQueries:  [][]byte{[]byte("what?")},
			Refused:     []statemachinetest.Refusal{{Name: "not a number", Data: []byte("one")}},
			Checksummed: true,
			Durable:     true,
			Kill:        func(t testing.TB, sm statemachine.StateMachine) { l.Kill(t, sm) },
		})
	})
}

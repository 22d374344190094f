//go:build linux

package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/shortdir"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/kv/kvtest"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// A lane runs plugins in processes of their own, as a host does: shipped ones
// by starting this test binary again, external ones by path and sha256. One
// catalog serves all tests of a kit; each plugin has a slot of its own.
type lane struct {
	t       testing.TB
	catalog *catalog.Catalog

	mu        sync.Mutex
	instances map[any]*catalog.Instance
}

func newLane(t testing.TB) *lane {
	t.Helper()
	dir, err := os.MkdirTemp(shortdir.Parent(), "e2e-lane-")
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.New(catalog.Options{
		Logger: slog.New(slog.DiscardHandler), RuntimeDir: dir, Backends: append(shipped(), memoryBackend()),
	})
	if err != nil {
		t.Fatal(err)
	}
	l := &lane{t: t, catalog: c, instances: map[any]*catalog.Instance{}}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close catalog: %v", err)
		}
		if left := live.Processes(func(p live.Process) bool { return p.Parent == os.Getpid() && p.Has(dir) }); len(left) > 0 {
			t.Errorf("plugins outlive their catalog: %v", left)
		}
		os.RemoveAll(dir)
	})
	return l
}

// start starts a plugin and leaves its end to the test.
func (l *lane) start(t testing.TB, spec catalog.Spec) *catalog.Instance {
	t.Helper()
	slot, err := l.catalog.Slot(spec)
	if err != nil {
		t.Fatal(err)
	}
	in, err := slot.Start(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func (l *lane) remember(contract any, in *catalog.Instance) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.instances[contract] = in
}

// kill is kill -9 of the process that serves a contract.
func (l *lane) kill(t testing.TB, contract any) {
	t.Helper()
	l.mu.Lock()
	in := l.instances[contract]
	l.mu.Unlock()
	if in == nil {
		t.Fatalf("no process behind %v", contract)
	}
	in.Kill()
	<-in.Done()
}

func (l *lane) stateMachine(spec catalog.Spec) func(testing.TB) statemachine.StateMachine {
	return func(t testing.TB) statemachine.StateMachine {
		in := l.start(t, spec)
		l.remember(in.StateMachine(), in)
		return in.StateMachine()
	}
}

func (l *lane) storage(spec catalog.Spec) func(testing.TB, string) storage.Storage {
	return func(t testing.TB, _ string) storage.Storage {
		in := l.start(t, spec)
		l.remember(in.Storage(), in)
		return in.Storage()
	}
}

func (l *lane) transport(spec catalog.Spec) func(*testing.T) transport.Transport {
	return func(t *testing.T) transport.Transport { return l.start(t, spec).Transport() }
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
	statemachinetest.Run(t, kvtest.Harness(l.stateMachine(catalog.Spec{Kind: plugins.StateMachine, Name: "kv"})))
}

func TestWALInAProcess(t *testing.T) {
	t.Parallel()
	l := newLane(t)
	storagetest.Run(t, storagetest.Harness{
		New:       l.storage(catalog.Spec{Kind: plugins.Storage, Name: "wal"}),
		Kill:      func(t testing.TB, s storage.Storage) { l.kill(t, s) },
		ModelRuns: rounds(10),
	})
}

func TestHTTPInAProcess(t *testing.T) {
	t.Parallel()
	l := newLane(t)
	transporttest.Run(t, transporttest.Harness{
		New:    l.transport(catalog.Spec{Kind: plugins.Transport, Name: "http"}),
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
		New:    newLane(t).transport(catalog.Spec{Kind: plugins.Transport, Name: "quic"}),
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
	sum := digest(t, own)
	external := func(kind plugins.Kind, name string) catalog.Spec {
		return catalog.Spec{Kind: kind, Command: []string{own, "plugin-serve", string(kind), name}, SHA256: sum}
	}
	t.Run("kv", func(t *testing.T) {
		t.Parallel()
		statemachinetest.Run(t, kvtest.Harness(newLane(t).stateMachine(external(plugins.StateMachine, "kv"))))
	})
	t.Run("wal", func(t *testing.T) {
		t.Parallel()
		l := newLane(t)
		storagetest.Run(t, storagetest.Harness{
			New:       l.storage(external(plugins.Storage, "wal")),
			Kill:      func(t testing.TB, s storage.Storage) { l.kill(t, s) },
			ModelRuns: rounds(10),
		})
	})
	t.Run("http", func(t *testing.T) {
		t.Parallel()
		transporttest.Run(t, transporttest.Harness{
			New:    newLane(t).transport(external(plugins.Transport, "http")),
			Listen: ownLoopback(),
			URL:    func(address string) string { return "http://" + address },
			TCP:    true,
		})
	})
	t.Run("quic", func(t *testing.T) {
		t.Parallel()
		transporttest.Run(t, transporttest.Harness{
			New:    newLane(t).transport(external(plugins.Transport, "quic")),
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
			New: l.stateMachine(catalog.Spec{
				Kind: plugins.StateMachine, Command: []string{path}, SHA256: digest(t, path),
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
			Kill:        func(t testing.TB, sm statemachine.StateMachine) { l.kill(t, sm) },
		})
	})
}

// digest is the sha256 of a file of any size.
func digest(t testing.TB, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

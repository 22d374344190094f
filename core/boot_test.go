package core_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
	httptransport "github.com/pontoon-raft/pontoon/plugins/transport/http"
	"github.com/pontoon-raft/pontoon/sdk"
)

// The test binary is also the plugins that tests run in processes of their own.
func TestMain(m *testing.M) {
	sdk.ServeBuiltin(os.Args[1:], []backend.Backend{wal.Backend(), notedBackend(), httptransport.Backend()})
	goleak.VerifyTestMain(m)
}

// wrapped is a storage of which a test changes some methods.
type wrapped struct {
	storage.Storage
	open     func(context.Context, storage.State) (storage.State, error)
	snapshot func(index uint64) error
	space    func() error
}

func (w *wrapped) Open(ctx context.Context, opts plugins.Options) (storage.State, error) {
	st, err := w.Storage.Open(ctx, opts)
	if err == nil && w.open != nil {
		return w.open(ctx, st)
	}
	return st, err
}

func (w *wrapped) Space(ctx context.Context) (storage.Space, error) {
	if w.space != nil {
		return storage.Space{}, w.space()
	}
	return storage.SpaceOf(ctx, w.Storage)
}

func (w *wrapped) OpenSnapshot(ctx context.Context, index uint64) (storage.SnapshotReader, error) {
	if w.snapshot != nil {
		if err := w.snapshot(index); err != nil {
			return nil, err
		}
	}
	return w.Storage.OpenSnapshot(ctx, index)
}

// over makes every store of a config a wrapped one.
func over(cfg *core.Config, n *testNode, change func(*wrapped)) {
	cfg.Backends[0] = backend.Storage("memory", func(env backend.Env) storage.Storage {
		w := &wrapped{Storage: n.newStore(env)}
		change(w)
		return w
	})
}

func newHost(t *testing.T, c *cluster, n *testNode, change func(*wrapped)) *core.Host {
	t.Helper()
	cfg := c.config(n, 1, true)
	over(&cfg, n, change)
	h, err := core.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func fresh() *testNode { return &testNode{disk: storagetest.NewDisk(), log: &recorder{}} }

// A5: a stop during the boot ends it within a second, and nothing of it is left running.
func TestA5StopDuringBoot(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	c := newCluster(t, 0, nil)
	c.members = append(c.members, c.member(1))
	opening := make(chan struct{})
	h := newHost(t, c, fresh(), func(w *wrapped) {
		w.open = func(ctx context.Context, _ storage.State) (storage.State, error) {
			close(opening)
			<-ctx.Done()
			return storage.State{}, ctx.Err()
		}
	})
	started := make(chan error, 1)
	go func() { started <- h.Start(ctx) }()
	<-opening
	stopsSoon(t, h)
	if err := <-started; err == nil {
		t.Error("the start succeeded")
	}
}

// A5: whenever the stop comes, it takes no second, the start returns too, and the same
// disk opens at once.
func TestA5StopAtRandomMomentsOfTheBoot(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	c := newCluster(t, 0, nil)
	c.members = append(c.members, c.member(1))
	n := fresh()
	for range 60 {
		h := newHost(t, c, n, func(*wrapped) {})
		started := make(chan error, 1)
		go func() { started <- h.Start(ctx) }()
		<-time.After(time.Duration(rand.Intn(2000)) * time.Microsecond)
		stopsSoon(t, h)
		<-started
		<-h.Done()
	}
}

// Statement A5: a disk that hangs does not keep the host from ending within the time of
// a whole stop, and the storage is named.
func TestA5StopWhileAnAppendHangs(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	c := newCluster(t, 1, nil)
	c.leader()
	hanging, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	c.nodes[1].disk.OnAppend(func(batches []storage.Batch) error {
		if !holds(batches, "stuck") {
			return nil // of the host's own, which may write at any time
		}
		once.Do(func() { close(hanging) })
		<-release
		return nil
	})
	outcome := make(chan error, 1)
	go func() {
		_, err := c.service(1).Propose(ctx, []byte("stuck"))
		outcome <- err
	}()
	<-hanging
	start := time.Now()
	err := c.nodes[1].host.Stop(ctx)
	if !errors.Is(err, core.ErrForced) || !strings.Contains(err.Error(), "memory") {
		t.Errorf("stop gave %v, want an error that names the storage", err)
	}
	if took := time.Since(start); took > wholeStop {
		t.Errorf("stop took %v", took)
	}
	if err := <-outcome; !errors.Is(err, server.ErrStopped) {
		t.Errorf("the request in flight ended with %v", err)
	}
	close(release)
	delete(c.nodes, 1)
}

// holds tells whether an entry of batches ends with data.
func holds(batches []storage.Batch, data string) bool {
	return slices.ContainsFunc(batches, func(b storage.Batch) bool {
		return slices.ContainsFunc(b.Entries, func(e storage.Entry) bool { return bytes.HasSuffix(e.Data, []byte(data)) })
	})
}

// Nothing that a storage says of itself leads to a panic, or takes memory.
func TestLyingStoreIsRefused(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	for name, lie := range map[string]func(*storage.State){
		"a log that ends nowhere": func(st *storage.State) { st.LastIndex = 1 << 62; st.HardState.Commit = 1 },
		"a log without a start":   func(st *storage.State) { st.FirstIndex = 0 },
		"a commit index beyond":   func(st *storage.State) { st.HardState.Commit = 99 },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 0, nil)
			c.members = append(c.members, c.member(1))
			h := newHost(t, c, fresh(), func(w *wrapped) {
				w.open = func(_ context.Context, st storage.State) (storage.State, error) {
					lie(&st)
					return st, nil
				}
			})
			if err := h.Start(ctx); err == nil {
				t.Error("started")
				_ = h.Stop(ctx)
			}
		})
	}
}

// The newest snapshot is damaged, but an older one and the log lead as far.
func TestDamagedSnapshotDoesNotKeepTheHostFromStarting(t *testing.T) {
	c := newCluster(t, 1, func(cfg *core.Config) { cfg.SnapshotEntries, cfg.CatchUpEntries = 10, 1000 })
	c.leader()
	count := 0
	for c.service(1).Status().SnapshotIndex < 22 { // the second one
		count++
		c.propose(1, strings.Repeat("x", count))
	}
	c.stop(1)
	n := c.nodes[1]
	var newest uint64
	c.tune = func(cfg *core.Config) {
		cfg.SnapshotEntries, cfg.CatchUpEntries = 1000, 1000
		over(cfg, n, func(w *wrapped) {
			w.open = func(_ context.Context, st storage.State) (storage.State, error) {
				newest = st.Snapshots[len(st.Snapshots)-1].Metadata.Index
				return st, nil
			}
			w.snapshot = func(index uint64) error {
				if index == newest {
					return storage.ErrCorrupt
				}
				return nil
			}
		})
	}
	c.start(1, true)
	c.leader()
	if got := c.query(1, "count"); got != strconv.Itoa(count) {
		t.Errorf("%s entries, want %d", got, count)
	}
	c.eventually("a word in the log", func() bool { return n.log.position("snapshot cannot be read") >= 0 })
	if newest == 0 {
		t.Errorf("the snapshot at %d was not found damaged", newest)
	}
}

package pebble_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	pebblevfs "github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/pebble"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// leastCrashStates is how many crash states TestCrashPoints must have seen.
const leastCrashStates = 2_000

// TestCrashPoints crashes the machine before every operation of several workloads,
// of pebble on its files and of the backend on its own, and looks at what can be
// left: nothing that was not synced, all of it, and random parts of it. Each of
// these must open, with everything that was acknowledged, nothing that was never
// asked for, and the id that the first Open answered. Some of the openings are
// crashed again. With -short only the first workload is crashed.
// Rules ST-3, ST-10, ST-25, ST-26 and ST-35.
func TestCrashPoints(t *testing.T) {
	var total tally
	t.Run("Workload", func(t *testing.T) {
		t.Run("Scripted", func(t *testing.T) {
			t.Parallel()
			none := func() error { return nil }
			crashAll(t, &total, 7, func(w *storagetest.CrashWorkload) error { return w.Run(w.Script(none, none)) })
		})
		for seed := range uint64(4) {
			if testing.Short() {
				return
			}
			t.Run(fmt.Sprintf("Random%d", seed), func(t *testing.T) {
				t.Parallel()
				crashAll(t, &total, seed, func(w *storagetest.CrashWorkload) error { return w.RunRandom(seed, 45) })
			})
		}
	})
	t.Logf("%d crash states before %d operations: %d lost an acknowledged entry or vote, %d were refused, %d lost a snapshot, %d the store's id",
		total.states.Load(), total.operations.Load(), total.lost.Load(), total.refused.Load(), total.snapshots.Load(), total.ids.Load())
	if n := total.states.Load(); n < leastCrashStates && !t.Failed() && !testing.Short() {
		t.Errorf("only %d crash states were looked at, want %d", n, leastCrashStates)
	}
}

// tally counts crash states and what was wrong with them.
type tally struct {
	operations, states, lost, refused, snapshots, ids atomic.Int64
}

// disks are what a store runs on: a file system for pebble and one for the rest.
type disks struct {
	files *vfs.Mem
	db    *pebblevfs.MemFS
}

// newDisks have the data directory, which a host makes durable before it starts a
// plugin.
func newDisks() (disks, error) {
	d := disks{files: vfs.NewMem(), db: pebblevfs.NewCrashableMem()}
	return d, pebble.MakeDurable(d.db, "node")
}

// store is one on the disks; look, if there is one, is called before each
// operation that changes them.
func (d disks) store(look func(what string)) storage.Storage {
	var db pebblevfs.FS = d.db
	if look != nil {
		d.files.OnOp(func(op vfs.Op) {
			if op.Mutates() {
				look(fmt.Sprintf("%s of %s", op.Kind, op.Name))
			}
		})
		db = errorfs.Wrap(d.db, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if changes(op.Kind) {
				look(fmt.Sprintf("pebble's operation %d on %s", op.Kind, op.Path))
			}
			return nil
		}))
	}
	return pebble.NewOn(backend.Env{Logger: slog.New(slog.DiscardHandler)}, d.files, db)
}

// changes tells whether an operation of pebble changes what a crash may leave.
func changes(kind errorfs.OpKind) bool {
	switch kind {
	case errorfs.OpCreate, errorfs.OpLink, errorfs.OpRemove, errorfs.OpRemoveAll, errorfs.OpRename, errorfs.OpReuseForWrite,
		errorfs.OpMkdirAll, errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		return true
	default:
		return false
	}
}

// crash is what a crash leaves: so many percent of what was not synced.
func (d disks) crash(percent int, r *rand.Rand) disks {
	keep := vfs.KeepRandom(r)
	switch percent {
	case 0:
		keep = vfs.KeepNothing
	case 100:
		keep = vfs.KeepAll
	}
	return disks{
		db:    d.db.CrashClone(pebblevfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: r}),
		files: d.files.Crash(keep),
	}
}

// crashAll crashes a machine at every operation of a workload.
func crashAll(t *testing.T, total *tally, seed uint64, run func(*storagetest.CrashWorkload) error) {
	d, err := newDisks()
	if err != nil {
		t.Fatal(err)
	}
	c := &crasher{t: t, tally: total, disks: d, random: rand.New(rand.NewPCG(7, seed)), again: 40}
	w := storagetest.NewCrashWorkload(func() (storage.Storage, storage.State, error) {
		s := d.store(c.look)
		st, err := s.Open(context.Background(), options("node", smallTables))
		return s, st, err
	})
	c.history = w.History
	if err := run(w); err != nil {
		t.Fatal(err)
	}
}

// smallTables are the smallest that may be configured.
const smallTables = "memtable_bytes: 1048576\ncache_bytes: 1048576\n"

type crasher struct {
	*tally
	t       *testing.T
	disks   disks
	history *storagetest.CrashHistory
	random  *rand.Rand
	again   int // one opening in so many is crashed as well

	busy sync.Mutex // pebble's background does operations too
	seen int
}

// look is called before each operation. Other operations that have begun may end
// meanwhile, as on a machine that crashes; none begins.
func (c *crasher) look(what string) {
	c.busy.Lock()
	defer c.busy.Unlock()
	if c.t.Failed() {
		return
	}
	c.operations.Add(1)
	for _, percent := range []int{0, 100, 50, 50} {
		p := c.history.Promised()
		after := c.disks.crash(percent, c.random)
		when := fmt.Sprintf("before %s, keeping %d%%", what, percent)
		if c.seen++; c.seen%c.again == 0 {
			c.crashTheOpening(after.crash(100, c.random), p, when)
		}
		c.verify(after, p, when)
	}
}

// verify opens what a crash has left and compares it with the history.
func (c *crasher) verify(after disks, p storagetest.CrashPromise, when string) {
	c.states.Add(1)
	f, err := examine(after.store(nil))
	if err != nil {
		c.refused.Add(1)
		c.t.Errorf("crash %s: %v", when, err)
		return
	}
	v := c.history.Judge(p, f)
	if v.Lost {
		c.lost.Add(1)
		c.t.Errorf("crash %s: found\n%s\nwhich is none of the states that were possible", when, f.Log)
	}
	if v.Renamed {
		c.ids.Add(1)
		c.t.Errorf("crash %s: the store was %x and is %x", when, p.Store, f.Store)
	}
	for range v.Missing {
		c.snapshots.Add(1)
		c.t.Errorf("crash %s: snapshots %v, want %v among them", when, f.Snapshots, p.Snapshots)
	}
}

// examine opens a store, reads all of it and closes it.
func examine(s storage.Storage) (f storagetest.CrashFindings, err error) {
	ctx := context.Background()
	st, err := s.Open(ctx, options("node", smallTables))
	if err != nil {
		return f, fmt.Errorf("Open: %w", err)
	}
	defer s.Close(ctx)
	return storagetest.Examine(s, st)
}

// crashTheOpening crashes before each operation of an Open.
func (c *crasher) crashTheOpening(d disks, p storagetest.CrashPromise, when string) {
	var busy sync.Mutex
	open := true
	s := d.store(func(what string) {
		busy.Lock()
		defer busy.Unlock()
		if !open || c.t.Failed() {
			return
		}
		for _, percent := range []int{0, 100, 50} {
			c.verify(d.crash(percent, c.random), p, fmt.Sprintf("(%s), then before %s in Open, keeping %d%%", when, what, percent))
		}
	})
	_, err := s.Open(context.Background(), options("node", smallTables))
	busy.Lock()
	open = false
	busy.Unlock()
	if err != nil && !strings.Contains(err.Error(), "way out") { // verify says so of damage
		c.t.Errorf("crash %s: Open: %v", when, err)
	}
	_ = s.Close(context.Background())
}

package wal

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// leastCrashStates is how many crash states TestCrashPoints must have seen.
const leastCrashStates = 50_000

// TestCrashPoints crashes the machine before every operation of several
// workloads, and looks at what can be left: nothing that was not synced, all of
// it, random parts of it, and the last write torn at every sector. Each of
// these must open, with everything that was acknowledged, nothing that was
// never asked for, and the id that the first Open answered, also when it is the
// directories above it that were new. Some of the openings are crashed again.
// With -short only the first workload is crashed.
// Rules ST-3, ST-10, ST-25, ST-26 and ST-35.
func TestCrashPoints(t *testing.T) {
	var total tally
	t.Run("Workload", func(t *testing.T) {
		t.Run("Scripted", func(t *testing.T) {
			t.Parallel()
			crashAll(t, &total, 7, (*workload).run)
		})
		for seed := range uint64(8) {
			if testing.Short() {
				return
			}
			t.Run(fmt.Sprintf("Random%d", seed), func(t *testing.T) {
				t.Parallel()
				crashAll(t, &total, seed, func(w *workload) error { return w.RunRandom(seed, 45) })
			})
		}
	})
	t.Logf("%d crash states before %d operations: %d lost an acknowledged entry or vote, %d were refused, %d lost a snapshot, %d the store's id",
		total.states.Load(), total.operations.Load(), total.lost.Load(), total.refused.Load(), total.snapshots.Load(), total.ids.Load())
	total.shapes.check(t)
	if n := total.states.Load(); n < leastCrashStates && !t.Failed() && !testing.Short() {
		t.Errorf("only %d crash states were looked at, want %d", n, leastCrashStates)
	}
}

// crashAll crashes a machine at every operation of a workload.
func crashAll(t *testing.T, total *tally, seed uint64, run func(*workload) error) {
	w := newWorkload(vfs.NewMem())
	w.at = dataDir
	c := &crasher{t: t, tally: total, h: w.History, random: rand.New(rand.NewPCG(7, seed)), again: 12, busy: make(chan struct{}, 1)}
	w.fs.OnOp(func(op vfs.Op) { c.look(w.fs, op) })
	if err := run(w); err != nil {
		t.Fatal(err)
	}
}

// tally counts crash states and what was wrong with them.
type tally struct {
	operations, states, lost, refused, snapshots, ids atomic.Int64
	shapes                                            shapeTally
}

// shapeTally counts the crash states in which a store had a shape.
type shapeTally struct{ several, cut, prepared, ballast, compacted, snapshots atomic.Int64 }

func (s *shapeTally) add(c census) {
	for n, has := range map[*atomic.Int64]bool{
		&s.several: c.used > 1, &s.cut: c.cut > 0, &s.prepared: c.prepared > 0, &s.ballast: c.ballast > 0,
		&s.compacted: c.first > 1, &s.snapshots: c.snapshots > 0,
	} {
		if has {
			n.Add(1)
		}
	}
}

// check fails if crash points are missing in a shape that running stores have.
func (s *shapeTally) check(t *testing.T) {
	for what, n := range map[string]*atomic.Int64{
		"several segments": &s.several, "a segment cut by salvage": &s.cut, "a prepared segment": &s.prepared,
		"a ballast file": &s.ballast, "compacted segments": &s.compacted, "snapshots": &s.snapshots,
	} {
		t.Logf("%d crash states with %s", n.Load(), what)
		if n.Load() == 0 && !t.Failed() {
			t.Errorf("no crash state with %s", what)
		}
	}
}

type crasher struct {
	*tally
	t      *testing.T
	h      *storagetest.CrashHistory
	random *rand.Rand // used by one goroutine at a time: under busy
	again  int        // one opening in so many is crashed as well

	busy      chan struct{} // capacity 1: a lock, as the background does operations too
	lastWrite int
	seen      int
}

// look is called before each operation.
func (c *crasher) look(fs *vfs.Mem, op vfs.Op) {
	if !op.Mutates() || c.t.Failed() {
		return
	}
	c.busy <- struct{}{}
	defer func() { <-c.busy }()
	c.operations.Add(1)
	pieces := 0
	c.check(fs, "everything", op, func(vfs.Unsynced) bool { pieces++; return true })
	if pieces > 0 {
		c.check(fs, "nothing", op, vfs.KeepNothing)
		for i := range 8 {
			c.check(fs, fmt.Sprintf("random part %d", i), op, vfs.KeepRandom(c.random))
		}
		for k := range fs.PendingSectors(c.lastWrite) {
			c.check(fs, fmt.Sprintf("torn at sector %d", k), op, vfs.KeepTorn(c.lastWrite, k))
		}
	}
	if op.Kind == vfs.OpWrite {
		c.lastWrite = op.N
	}
}

// check opens what is left of fs and compares it with the history.
func (c *crasher) check(fs *vfs.Mem, what string, op vfs.Op, keep vfs.Keep) {
	p := c.h.Promised()
	after := fs.Crash(keep)
	if c.seen++; c.seen%c.again == 0 {
		c.crashTheOpening(fs.Crash(keep), p, what)
	}
	c.verify(after, p, fmt.Sprintf("before %s of %s (%d), keeping %s", op.Kind, op.Name, op.N, what))
}

func (c *crasher) verify(after *vfs.Mem, p storagetest.CrashPromise, when string) {
	c.states.Add(1)
	dir, err := home(after, dataDir)
	if err != nil {
		c.t.Errorf("crash %s: make the directory: %v", when, err)
		return
	}
	c.shapes.add(takeCensus(heads(dir)))
	f, err := examine(dir)
	if err != nil {
		c.refused.Add(1)
		c.t.Errorf("crash %s: Open: %v", when, err)
		return
	}
	v := c.h.Judge(p, f)
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

// crashTheOpening crashes before each operation of an Open.
func (c *crasher) crashTheOpening(fs *vfs.Mem, p storagetest.CrashPromise, what string) {
	fs.OnOp(func(op vfs.Op) {
		if !op.Mutates() || c.t.Failed() {
			return
		}
		for i, keep := range []vfs.Keep{vfs.KeepNothing, vfs.KeepAll, vfs.KeepRandom(rand.New(rand.NewPCG(uint64(op.N), 3)))} {
			c.verify(fs.Crash(keep), p, fmt.Sprintf("(%s), then before %s of %s in Open, keeping %d", what, op.Kind, op.Name, i))
		}
	})
	dir, err := home(fs, dataDir)
	if err != nil {
		c.t.Errorf("%s: make the directory: %v", what, err)
		return
	}
	if s, _, err := openOn(dir); err == nil {
		fs.OnOp(nil)
		s.kill()
	}
}

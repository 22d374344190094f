package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// errDead ends each write of a process that has ended.
var errDead = errors.New("the process has ended")

// A process is a counter that can end at each step of a write, and knows what a loss of power
// leaves of its file.
type process struct {
	*counter
	mu    sync.Mutex
	dead  bool
	dieAt string // the step before which it ends; empty for none
	path  string
	kept  []byte // what stood under its name before the last write; nil for no file
}

func newProcess() *process {
	p := &process{counter: newCounter()}
	p.counter.step = p.before
	return p
}

// before is called before each step: all steps until then have had an effect.
func (p *process) before(path, step string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.path = path; step == p.dieAt {
		p.dead = true
	}
	if p.dead {
		return errDead
	}
	if raw, err := os.ReadFile(p.path); step == "create" && err == nil {
		p.kept = raw
	}
	return nil
}

func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = true
}

// losePower takes away the last write if that came to no end: its name may not survive.
func (p *process) losePower(t testing.TB) {
	p.kill()
	if p.path == "" {
		return
	}
	found, err := p.counter.file.read()
	if err != nil {
		t.Fatal(err)
	}
	if found.applied == p.DurableIndex() {
		return
	}
	if p.kept == nil {
		err = os.Remove(p.path)
	} else {
		err = os.WriteFile(p.path, p.kept, 0o600)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

// The order of steps is that by which a file survives: it is synced before it has its name,
// and its name before anything rests on it.
func TestAStateIsReplacedInTheRightOrder(t *testing.T) {
	var steps []string
	f := &stateFile{path: filepath.Join(t.TempDir(), "counter"), step: func(_, name string) error {
		steps = append(steps, name)
		return nil
	}}
	if err := f.write(state{applied: 1}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"create", "write", "sync", "rename", "sync the directory"}; !slices.Equal(steps, want) {
		t.Errorf("steps %q, want %q", steps, want)
	}
}

// An end before any step of a write leaves the state before it or the one that was written.
func TestAnEndAtEachStepLeavesAWholeState(t *testing.T) {
	for _, step := range []string{"create", "write", "sync", "rename", "sync the directory"} {
		for _, call := range []string{"Sync", "Restore"} {
			t.Run(call+" ends before "+step, func(t *testing.T) {
				opts := plugins.Options{DataDir: t.TempDir()}
				p := newProcess()
				if _, err := p.Open(t.Context(), opts); err != nil {
					t.Fatal(err)
				}
				add(t, p.counter, 1, "5")
				if _, err := p.Sync(t.Context()); err != nil {
					t.Fatal(err)
				}
				add(t, p.counter, 2, "5")
				p.dieAt = step
				var err error
				if call == "Sync" {
					_, err = p.Sync(t.Context())
				} else {
					var saved bytes.Buffer
					if err := (snapshot{applied: 9, value: 70}).Save(t.Context(), &saved); err != nil {
						t.Fatal(err)
					}
					err = p.Restore(t.Context(), 9, &saved)
				}
				if !errors.Is(err, errDead) {
					t.Fatalf("%s: %v", call, err)
				}
				want := map[uint64]int64{1: 5, 2: 10}
				if call == "Restore" {
					want = map[uint64]int64{1: 5, 9: 70}
				}
				again := newCounter()
				applied, err := again.Open(t.Context(), opts)
				if value, ok := want[applied]; err != nil || !ok || again.state.value != value {
					t.Errorf("Open = %d, %v, with the value %d; want one of %v", applied, err, again.state.value, want)
				}
			})
		}
	}
}

func add(t *testing.T, c *counter, index uint64, number string) {
	t.Helper()
	b := statemachine.Batch{Entries: []statemachine.Entry{{Index: index, Data: []byte(number)}}, Through: index}
	if _, err := c.Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// A counter that is not asked to sync saves its state all the same, once it would have much to
// be given again.
func TestACounterSavesByItself(t *testing.T) {
	opts := plugins.Options{DataDir: t.TempDir()}
	c := newCounter()
	if _, err := c.Open(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	add(t, c, saveEvery-1, "5")
	if c.DurableIndex() != 0 {
		t.Errorf("durable index %d after %d entries", c.DurableIndex(), saveEvery-1)
	}
	add(t, c, saveEvery, "5")
	if applied, err := newCounter().Open(t.Context(), opts); c.DurableIndex() != saveEvery || applied != saveEvery || err != nil {
		t.Errorf("durable index %d, and the next one opens at %d, %v; want %d", c.DurableIndex(), applied, err, saveEvery)
	}
}

// A file that was damaged is not taken for a state.
func TestADamagedFileIsRefused(t *testing.T) {
	opts := plugins.Options{DataDir: t.TempDir()}
	c := newCounter()
	if _, err := c.Open(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	add(t, c, 1, "5")
	if _, err := c.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(opts.DataDir, "counter")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		damaged := bytes.Clone(raw)
		damaged[i] ^= 0x10
		for what, raw := range map[string][]byte{"a changed bit": damaged, "a cut": raw[:i]} {
			if err := os.WriteFile(path, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := newCounter().Open(t.Context(), opts); err == nil || errors.Is(err, plugins.ErrWrongIdentity) {
				t.Errorf("Open of a file with %s at byte %d: %v", what, i, err)
			}
		}
	}
}

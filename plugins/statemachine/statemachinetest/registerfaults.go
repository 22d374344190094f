package statemachinetest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins"
)

// faults is what tests do to a Register. It has a lock of its own so that a
// held Apply does not hold up queries.
type faults struct {
	mu      *sync.Mutex
	dead    chan struct{} // closed by Crash
	holding *hold         // nil unless Apply is to wait
	fail    error         // what the next Apply returns
	restore restoreFault
}

// hold is one Hold: entered is closed when an Apply waits in it, left when it
// may go on.
type hold struct {
	entered, left chan struct{}
	once          sync.Once
}

func newFaults() faults {
	return faults{mu: new(sync.Mutex), dead: make(chan struct{})}
}

// Hold makes every Apply wait, before it has an effect, until release is
// called or the Register crashes. The channel is closed as soon as one waits.
// release may be called more than once; a second Hold replaces the first, which
// then holds only those who wait already.
func (r *Register) Hold() (waiting <-chan struct{}, release func()) {
	h := &hold{entered: make(chan struct{}), left: make(chan struct{})}
	r.faults.mu.Lock()
	r.faults.holding = h
	r.faults.mu.Unlock()
	return h.entered, sync.OnceFunc(func() {
		r.faults.mu.Lock()
		defer r.faults.mu.Unlock()
		if r.faults.holding == h {
			r.faults.holding = nil
		}
		close(h.left)
	})
}

// Corrupt changes the last entry of the state, as nothing in the log does: from then on
// this replica has another state than the others.
func (r *Register) Corrupt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.entries) - 1
	r.entries = slices.Clone(r.entries)
	r.entries[last].Data = append([]byte("corrupt "), r.entries[last].Data...)
}

// FailNext makes the next Apply return err and have no effect: the plugin says
// that it cannot go on.
func (r *Register) FailNext(err error) {
	r.faults.mu.Lock()
	defer r.faults.mu.Unlock()
	r.faults.fail = err
}

// Crash is the end of the process: every call from now on, and every Apply that
// is being held, returns plugins.ErrGone. Applied entries stay readable by
// Entries. Crash twice is harmless.
func (r *Register) Crash() {
	r.faults.mu.Lock()
	defer r.faults.mu.Unlock()
	select {
	case <-r.faults.dead:
	default:
		close(r.faults.dead)
	}
}

// gone returns an error once the Register has crashed.
func (f *faults) gone() error {
	select {
	case <-f.dead:
		return fmt.Errorf("register: %w", plugins.ErrGone)
	default:
		return nil
	}
}

// beforeApply waits and fails as the test has asked.
func (f *faults) beforeApply(ctx context.Context) error {
	f.mu.Lock()
	h, fail := f.holding, f.fail
	f.fail = nil
	f.mu.Unlock()
	if h != nil {
		h.once.Do(func() { close(h.entered) })
		select {
		case <-h.left:
		case <-f.dead:
		case <-ctx.Done():
			return fmt.Errorf("register: held apply: %w", ctx.Err())
		}
	}
	if fail != nil {
		return fail
	}
	return f.gone()
}

// restoreFault is how a Restore of a Register on a Disk breaks the contract.
type restoreFault int

const (
	restoreTorn restoreFault = iota + 1
	restoreUnsynced
)

// TearRestores has each Restore write the index of the snapshot first and its state later: an
// end between the two leaves a mixture. It comes before everything else.
func (r *Register) TearRestores() { r.faults.restore = restoreTorn }

// ForgetRestores has each Restore leave its state to the next Sync. It comes before everything else.
func (r *Register) ForgetRestores() { r.faults.restore = restoreUnsynced }

// tearRestore does what TearRestores has asked for. The lock must be held.
func (r *Register) tearRestore(index uint64) {
	if r.faults.restore != restoreTorn || r.file == nil {
		return
	}
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	r.file.written.applied, r.file.synced.applied = index, index
}

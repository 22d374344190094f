package statemachinetest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// A Disk is where Registers keep their states, by data directory. A written state survives
// the end of a Register, and a synced one a loss of power too. It may be used
// concurrently.
type Disk struct {
	mu    sync.Mutex
	files map[string]*registerFile
}

// registerFile is the state of one data directory.
type registerFile struct {
	cluster, node   uint64
	written, synced registerState
}

// registerState is a Register's state. Its entries are not changed.
type registerState struct {
	entries []statemachine.Entry
	applied uint64
	last    statemachine.Entry
}

// NewDisk returns an empty Disk.
func NewDisk() *Disk { return &Disk{files: map[string]*registerFile{}} }

// KeepOn has r keep its state on d: it writes each entry as it is applied, syncs when it is
// asked to and at a Restore, and announces statemachine.CapabilityDurable. It comes before
// everything else.
func (r *Register) KeepOn(d *Disk) {
	r.disk = d
	r.says.Capabilities = append(slices.Clone(r.says.Capabilities), statemachine.CapabilityDurable)
}

// load takes the state that the data directory has, if r keeps one. The lock must be held.
func (r *Register) load(opts plugins.Options) error {
	d := r.disk
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[opts.DataDir]
	if f == nil {
		f = &registerFile{cluster: opts.ClusterID, node: opts.NodeID}
		d.files[opts.DataDir] = f
	}
	if f.cluster != opts.ClusterID || f.node != opts.NodeID {
		return fmt.Errorf("register: %w: data of node %x of cluster %x", plugins.ErrWrongIdentity, f.node, f.cluster)
	}
	r.file = f
	r.entries, r.applied, r.last = slices.Clip(f.written.entries), f.written.applied, f.written.last
	r.durable = f.synced.applied
	return nil
}

// write has the disk take the present state, unless r has crashed. The lock must be held.
func (r *Register) write() error {
	return r.onDisk(func(f *registerFile) {
		f.written = registerState{entries: slices.Clip(r.entries), applied: r.applied, last: r.last}
	})
}

// sync makes durable what is written, unless r has crashed. The lock must be held.
func (r *Register) sync() error {
	return r.onDisk(func(f *registerFile) {
		f.synced = f.written
		r.durable = f.synced.applied
	})
}

func (r *Register) onDisk(change func(*registerFile)) error {
	if r.file == nil {
		return nil
	}
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	if err := r.faults.gone(); err != nil {
		return err
	}
	change(r.file)
	return nil
}

// keepRestored makes a restored state durable, in one step. The lock must be held.
func (r *Register) keepRestored() error {
	if err := r.write(); err != nil {
		return err
	}
	if r.faults.restore == restoreUnsynced {
		r.durable = r.applied
		return nil
	}
	return r.sync()
}

// DurableIndex implements statemachine.Durable.
func (r *Register) DurableIndex() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.durable
}

// Sync implements statemachine.Durable.
func (r *Register) Sync(context.Context) (uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.usable(); err != nil {
		return 0, err
	}
	if err := r.sync(); err != nil {
		return 0, err
	}
	r.syncs++
	return r.durable, nil
}

// Syncs is how often r was asked to sync.
func (r *Register) Syncs() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.syncs
}

// LosePower is Crash, and the disk loses what is not synced. It comes after Open, beside any
// call.
func (r *Register) LosePower() {
	r.Crash()
	if r.file == nil {
		return
	}
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	r.file.written = r.file.synced
}

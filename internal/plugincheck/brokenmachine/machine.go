// Package brokenmachine has state machines that break one rule each, to show that what checks
// state machines finds it.
package brokenmachine

import (
	"context"
	"io"
	"maps"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// A Machine is a Register with one fault: a method that is set replaces that of
// the Register.
type Machine struct {
	*statemachinetest.Register
	open     func(context.Context, plugins.Options) (uint64, error)
	apply    func(context.Context, statemachine.Batch) ([]statemachine.Result, error)
	query    func(context.Context, []byte) ([]byte, error)
	prepare  func(context.Context) (statemachine.Snapshot, error)
	restore  func(context.Context, uint64, io.Reader) error
	closeIt  func(context.Context) error
	describe func() plugins.Info
	classes  func() []statemachine.Class
	stream   func(context.Context, []byte, func([]byte) error) error
	hash     func() []byte
	durable  func() uint64
	sync     func(context.Context) (uint64, error)
}

func (b *Machine) Open(ctx context.Context, o plugins.Options) (uint64, error) { return b.open(ctx, o) }

func (b *Machine) Apply(ctx context.Context, batch statemachine.Batch) ([]statemachine.Result, error) {
	return b.apply(ctx, batch)
}
func (b *Machine) Query(ctx context.Context, q []byte) ([]byte, error) { return b.query(ctx, q) }
func (b *Machine) PrepareSnapshot(ctx context.Context) (statemachine.Snapshot, error) {
	return b.prepare(ctx)
}

func (b *Machine) Restore(ctx context.Context, index uint64, r io.Reader) error {
	return b.restore(ctx, index, r)
}
func (b *Machine) Close(ctx context.Context) error { return b.closeIt(ctx) }
func (b *Machine) Describe() plugins.Info          { return b.describe() }
func (b *Machine) Classes() []statemachine.Class   { return b.classes() }

func (b *Machine) QueryStream(ctx context.Context, q []byte, send func([]byte) error) error {
	return b.stream(ctx, q, send)
}

func (b *Machine) StateHash() []byte { return b.hash() }

func (b *Machine) DurableIndex() uint64 { return b.durable() }

func (b *Machine) Sync(ctx context.Context) (uint64, error) { return b.sync(ctx) }

// Sound returns a machine without a fault that is not open yet. It keeps its state on the
// disk, or nowhere if that is nil.
func Sound(disk *statemachinetest.Disk) *Machine {
	r := statemachinetest.NewRegister()
	if disk != nil {
		r.KeepOn(disk)
	}
	r.AnnounceHash("digest")
	r.Announce(plugins.Versions{Greatest: 2})
	return &Machine{
		Register: r, open: r.Open, apply: r.Apply, query: r.Query, prepare: r.PrepareSnapshot,
		restore: r.Restore, closeIt: r.Close, describe: r.Describe, stream: r.QueryStream, hash: r.StateHash,
		durable: r.DurableIndex, sync: r.Sync,
		classes: func() []statemachine.Class { return oneClass("admin:", statemachine.RoleAdminister) },
	}
}

func oneClass(prefix string, role statemachine.Role) []statemachine.Class {
	return []statemachine.Class{{Prefix: []byte(prefix), Role: role}}
}

// Faults says how to break a machine, by what is wrong with it. That of "nothing" breaks none.
func Faults() map[string]func(*Machine) {
	all := map[string]func(*Machine){}
	for _, some := range []map[string]func(*Machine){opening(), applying(), answering(), saving(), keeping()} {
		maps.Copy(all, some)
	}
	return all
}

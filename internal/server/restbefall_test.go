package server

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// rebuild is a new generation that knows less to be committed than was.
func (p *past) rebuild() {
	p.t.Helper()
	p.s.Detach(ErrStorageRestart)
	p.gone = true
	if p.rng.IntN(2) == 0 {
		p.more()
	}
	if p.rng.IntN(2) == 0 {
		synctest.Wait()
	}
	st, err := p.state()
	if err != nil {
		p.t.Fatal(err)
	}
	snapshot := uint64(0)
	if n := len(st.Snapshots); n > 0 {
		snapshot = st.Snapshots[n-1].Metadata.Index
	}
	began := snapshot + p.rng.Uint64N(p.last-snapshot+1)
	at := node.Replayed{Index: snapshot, Registry: p.members[snapshot]}
	ctx := context.Background()
	read := func(lo, hi uint64) []storage.Entry {
		if lo > hi {
			return nil
		}
		entries, err := p.store.Read(ctx, lo, hi+1, 1<<30)
		if err != nil {
			p.t.Fatal(err)
		}
		return entries
	}
	if part := read(snapshot+1, began); part != nil {
		if err := at.Add(part); err != nil {
			p.t.Fatal(err)
		}
	}
	registry := p.members[snapshot]
	if snapshot == 0 {
		registry = nil
	}
	core, err := node.NewCore(tabled(node.Config{
		ID: 1, Group: 1, ElectionTicks: 10, HeartbeatTicks: 1, Limits: plugins.DefaultLimits(),
		State: st, Registry: registry, Replayed: at, Entries: read(began+1, p.last),
	}))
	if err != nil {
		p.t.Fatal(err)
	}
	fails := p.disk.fails.Load()
	p.disk = &unreadable{Storage: p.store}
	p.disk.fails.Store(fails)
	p.core, p.node = core, node.New(core, nil)
	p.s.Attach(p.node, &narrow{p.disk, uint64(20 + p.rng.IntN(300)), &p.slow}, snapshot, registry)
	p.gone = false
	for lo := began + 1; lo <= p.last; {
		hi := min(lo+p.rng.Uint64N(9), p.last)
		a, err := node.Reread(p.members[lo-1], read(lo, hi))
		if err != nil {
			p.t.Fatal(err)
		}
		p.s.Apply(a)
		lo = hi + 1
	}
}

func (p *past) save(index uint64, received bool) {
	p.t.Helper()
	ctx := context.Background()
	reg := statemachinetest.NewRegister()
	b := statemachine.Batch{Through: index}
	for i, text := range p.texts[:index] {
		if text != "" {
			b.Entries = append(b.Entries, statemachine.Entry{Index: uint64(i + 1), Data: []byte(text)})
		}
	}
	_, err := reg.Open(ctx, plugins.Options{})
	if err == nil {
		_, err = reg.Apply(ctx, b)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	sn, err := reg.PrepareSnapshot(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	meta := storage.SnapshotMetadata{Index: index, Term: 1, ConfState: storage.ConfState{Voters: p.members[index].Voters()}}
	sw, err := p.store.CreateSnapshot(ctx, meta, received)
	if err != nil {
		p.t.Fatal(err)
	}
	header := &SnapshotHeader{Version: 1, ClusterID: 7, Index: index, Term: 1, StateMachine: "register", Registry: p.members[index]}
	if err := errors.Join(header.Encode(sw), sn.Save(ctx, sw)); err != nil {
		p.t.Fatal(err)
	}
	if _, err := sw.Commit(); err != nil {
		p.t.Fatal(err)
	}
	sn.Release()
}

// own is a snapshot of what is applied, and maybe the log goes.
func (p *past) own(compact bool) {
	p.t.Helper()
	st, err := p.store.ListSnapshots(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	applied := p.s.Applied()
	if n := len(st); applied == 0 || n > 0 && st[n-1].Metadata.Index >= applied {
		return
	}
	p.save(applied, false)
	if compact {
		if _, err := p.store.Compact(context.Background(), applied-p.rng.Uint64N(min(applied, 20))); err != nil {
			p.t.Fatal(err)
		}
	}
}

// installed is a snapshot of the leader beyond the log.
func (p *past) installed() {
	p.t.Helper()
	for range 1 + p.rng.IntN(30) {
		p.last++
		p.texts, p.members = append(p.texts, fmt.Sprint("s", p.last)), append(p.members, p.members[len(p.members)-1])
	}
	index := p.last
	p.save(index, true)
	if err := p.store.InstallSnapshot(context.Background(), index, storage.HardState{Term: 1, Commit: index}); err != nil {
		p.t.Fatal(err)
	}
	switch p.rng.IntN(4) {
	case 0:
		p.rebuild() // it died before it could say so
		return
	case 1:
		time.Sleep(time.Duration(p.rng.IntN(3000)) * time.Millisecond)
	case 2:
		synctest.Wait()
	}
	p.s.Restore(storage.SnapshotMetadata{Index: index, Term: 1})
}

// narrow is a storage that gives a few entries at a time, and takes its time.
type narrow struct {
	*unreadable
	most uint64
	slow *atomic.Int64
}

func (n *narrow) Read(ctx context.Context, lo, hi, most uint64) ([]storage.Entry, error) {
	timer := time.NewTimer(time.Duration(n.slow.Load()) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return n.unreadable.Read(ctx, lo, hi, min(most, n.most))
}

package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/core/node"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// past is a world with all that was ever committed in it.
type past struct {
	*world
	rng     *rand.Rand
	disk    *unreadable
	texts   []string           // by index-1; "" for a change
	members []*member.Registry // after an index
	release func()
	wants   []want
	gone    bool // detached
	bad     *sync.Map
	given   uint64
}

type want struct {
	index   uint64
	outcome <-chan ending
}

// Whatever befalls a rest, the state machine has each committed entry once and in
// order in the end, with the membership of the log, and each client its own result.
func TestWhateverBefallsARest(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 1))
				w := newWorld(t, func(c *Config) {
					if rng.IntN(2) == 0 {
						c.SnapshotEntries, c.CatchUpEntries = uint64(5+rng.IntN(60)), uint64(rng.IntN(40))
						c.CatchUpBytes = uint64(200 + rng.IntN(2000))
					}
				})
				w.source.sparse, w.source.current().sparse = true, true
				p := &past{world: w, rng: rng, bad: &sync.Map{}, release: func() {}, members: []*member.Registry{{}}}
				p.disk = &unreadable{Storage: w.store}
				durable := p.rng.IntN(2) == 0
				w.source.mu.Lock()
				w.source.prepare = func(n int, m *machine) error {
					if durable {
						m.Register = w.source.machines[n-1].Successor()
					}
					m.restore = p.refuse
					return nil
				}
				w.source.machines[0].restore = p.refuse
				w.source.mu.Unlock()
				w.s.queue.limit = uint64(1+p.rng.IntN(20)) * (runOverhead + commandOverhead + 40)
				p.found()
				p.rebuild()
				for range 80 {
					p.befall()
				}
				p.judge()
			})
		})
	}
}

func (p *past) found() {
	e, err := node.ChangeEntry(1, 1, member.Change{Op: member.Add, Member: self})
	if err != nil {
		p.t.Fatal(err)
	}
	other := member.Member{ID: 2, Name: "n2", PeerURLs: []string{"http://n2:1"}}
	e2, err := node.ChangeEntry(2, 1, member.Change{Op: member.Add, Member: other})
	if err != nil {
		p.t.Fatal(err)
	}
	p.put([]storage.Entry{e, e2})
}

// refuse is what the state machines make of a snapshot.
func (p *past) refuse(index uint64) error {
	if _, bad := p.bad.Load(index); bad {
		return statemachine.ErrBadSnapshot
	}
	return nil
}

// spoil makes the present snapshots be of no use.
func (p *past) spoil() {
	p.t.Helper()
	snapshots, err := p.store.ListSnapshots(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	for i := range snapshots {
		if index := snapshots[i].Metadata.Index; index != p.given { // a leader's that is bad ends the member
			p.bad.Store(index, true)
		}
	}
}

// give is the leader's snapshot for a state machine that has none.
func (p *past) give() {
	p.t.Helper()
	least := p.s.Pleads()
	if least == 0 {
		return
	}
	for p.last < least {
		p.more()
	}
	index := least + p.rng.Uint64N(p.last-least+1)
	p.given = index
	p.save(index, false)
	p.s.StateReceived(storage.SnapshotMetadata{Index: index, Term: 1})
}

// put stores entries and, if a generation is there, hands them out as one run.
func (p *past) put(entries []storage.Entry) {
	p.t.Helper()
	last := entries[len(entries)-1].Index
	err := p.store.Append(context.Background(), []storage.Batch{{Entries: entries, HardState: storage.HardState{Term: 1, Commit: last}, MustSync: true}})
	if err != nil {
		p.t.Fatal(err)
	}
	before := p.members[len(p.members)-1]
	a, err := node.Reread(before, entries)
	if err != nil {
		p.t.Fatal(err)
	}
	for i := range entries {
		one, err := node.Reread(p.members[len(p.members)-1], entries[i:i+1])
		if err != nil {
			p.t.Fatal(err)
		}
		text := ""
		if len(one.Commands) > 0 {
			text = string(one.Commands[0].Data)
		}
		p.texts, p.members = append(p.texts, text), append(p.members, one.Registry)
	}
	p.last = last
	p.registry = p.members[last]
	if !p.gone {
		p.s.Apply(a)
	}
}

func (p *past) more() {
	var entries []storage.Entry
	for range 1 + p.rng.IntN(8) {
		index := p.last + uint64(len(entries)) + 1
		switch p.rng.IntN(6) {
		case 0:
			m := self
			m.ClientAddress = fmt.Sprintf("h%d:1", index)
			e, err := node.ChangeEntry(index, 1, member.Change{Op: member.Update, Member: m})
			if err != nil {
				p.t.Fatal(err)
			}
			entries = append(entries, e)
		case 1:
			if p.gone {
				continue
			}
			id, outcome := p.propose("mine")
			p.wants = append(p.wants, want{index, outcome})
			entries = append(entries, entry(index, id, fmt.Sprint("m", index)))
		default:
			entries = append(entries, entry(index, node.RequestID{Origin: 99, Number: index}, fmt.Sprint(index)))
		}
	}
	if len(entries) > 0 {
		p.put(entries)
	}
}

func (p *past) befall() {
	switch n := p.rng.IntN(100); {
	case n < 40:
		for range 1 + p.rng.IntN(6) {
			p.more()
		}
	case n < 50:
		p.release()
		_, p.release = p.source.current().Hold()
	case n < 62:
		p.release()
		p.release = func() {}
	case n < 67:
		p.source.current().Kill()
	case n < 72:
		p.rebuild()
	case n < 77:
		p.own(p.rng.IntN(2) == 0)
	case n < 81:
		p.installed()
	case n < 84:
		p.spoil()
	case n < 87:
		p.give()
	case n < 91:
		p.disk.fails.Store(!p.disk.fails.Load())
	default:
		time.Sleep(time.Duration(p.rng.IntN(3000)) * time.Millisecond)
	}
	if p.rng.IntN(3) == 0 {
		synctest.Wait()
	}
	select {
	case <-p.s.done:
		p.t.Fatalf("the server has ended: %v", p.s.err)
	default:
	}
}

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
	core, err := node.NewCore(node.Config{
		ID: 1, Group: 1, ElectionTicks: 10, HeartbeatTicks: 1, Limits: plugins.DefaultLimits(),
		State: st, Registry: registry, Replayed: at, Entries: read(began+1, p.last),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	fails := p.disk.fails.Load()
	p.disk = &unreadable{Storage: p.store}
	p.disk.fails.Store(fails)
	p.core, p.node = core, node.New(core, nil)
	p.s.Attach(p.node, p.disk, snapshot, registry)
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

func (p *past) judge() {
	p.t.Helper()
	p.disk.fails.Store(false)
	p.release()
	for range 10 {
		time.Sleep(time.Minute)
		synctest.Wait()
		p.give()
	}
	time.Sleep(time.Minute)
	synctest.Wait()
	p.headers()
	select {
	case <-p.s.done:
		p.t.Fatalf("the server has ended: %v", p.s.err)
	default:
	}
	if p.s.Applied() != p.last {
		un := "nil"
		if u := p.s.unread.Load(); u != nil {
			un = *u
		}
		bytes, inLog := p.s.queue.waiting()
		p.t.Fatalf("applied %d of %d, stalled %v, down %v, unread %s, pleads %d, machines %d, waiting %d %d", p.s.Applied(), p.last, p.s.ApplyStalled(), p.s.MachineDown(), un, p.s.Pleads(), len(p.source.all()), bytes, inLog)
	}
	var have, should []string
	for _, e := range p.source.current().Entries() {
		have = append(have, fmt.Sprintf("%d=%s", e.Index, e.Data))
	}
	counts := make([]int, len(p.texts))
	for i, text := range p.texts {
		if text != "" {
			should = append(should, fmt.Sprintf("%d=%s", i+1, text))
		}
		counts[i] = len(should)
	}
	if !slices.Equal(have, should) {
		p.t.Errorf("state is %q, want %q", have, should)
	}
	if p.s.Applied() != p.last {
		p.t.Errorf("applied is %d, want %d", p.s.Applied(), p.last)
	}
	if bytes, inLog := p.s.queue.waiting(); bytes != 0 || inLog != 0 {
		p.t.Errorf("%d bytes and %d entries are left", bytes, inLog)
	}
	if a, b := p.s.Membership().Members, p.members[p.last].Members(); fmt.Sprint(a) != fmt.Sprint(b) {
		p.t.Errorf("members are %v, want %v", a, b)
	}
	if text := p.s.unread.Load(); text != nil {
		p.t.Errorf("it says that the storage cannot be read: %s", *text)
	}
	for _, w := range p.wants {
		select {
		case got := <-w.outcome:
			if got.err == nil && !got.result.Lost && (got.result.Index != w.index || string(got.result.Data) != strconv.Itoa(counts[w.index-1])) {
				p.t.Errorf("the request at %d has %+v, want %d", w.index, got, counts[w.index-1])
			}
		default:
			p.t.Errorf("the request at %d has no outcome", w.index)
		}
		select {
		case got := <-w.outcome:
			p.t.Errorf("the request at %d has a second outcome %+v", w.index, got)
		default:
		}
	}
}

// headers checks the membership in all snapshots.
func (p *past) headers() {
	p.t.Helper()
	ctx := context.Background()
	snapshots, err := p.store.ListSnapshots(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	for i := range snapshots {
		index := snapshots[i].Metadata.Index
		r, err := p.store.OpenSnapshot(ctx, index)
		if err != nil {
			p.t.Fatal(err)
		}
		h, err := ReadSnapshotHeader(r)
		r.Close()
		if err != nil {
			p.t.Fatal(err)
		}
		if a, b := fmt.Sprint(h.Registry.Members()), fmt.Sprint(p.members[index].Members()); a != b {
			p.t.Errorf("the snapshot at %d has members %s, want %s", index, a, b)
		}
	}
}

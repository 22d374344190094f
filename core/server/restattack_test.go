package server

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/core/node"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
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
	slow    atomic.Int64 // milliseconds that a read takes
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
	case n < 90:
		p.slow.Store(p.rng.Int64N(2) * p.rng.Int64N(3000))
	case n < 93:
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

func (p *past) judge() {
	p.t.Helper()
	p.disk.fails.Store(false)
	p.slow.Store(0)
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

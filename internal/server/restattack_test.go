package server

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
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

// newPast is a world without a past, whose limits rng draws.
func newPast(t *testing.T, rng *rand.Rand) *past {
	w := newWorld(t, func(c *Config) {
		if rng.IntN(2) == 0 {
			c.SnapshotEntries, c.CatchUpEntries = uint64(5+rng.IntN(60)), uint64(rng.IntN(40))
			c.CatchUpBytes = uint64(200 + rng.IntN(2000))
		}
	})
	w.source.sparse, w.source.current().sparse = true, true
	return &past{
		world: w, rng: rng, disk: &unreadable{Storage: w.store}, bad: &sync.Map{},
		release: func() {}, members: []*member.Registry{{}},
	}
}

type want struct {
	index   uint64
	outcome <-chan ending
}

// In the end the state machine has each committed entry once and in order, whatever
// befalls a rest, with the membership of the log, and each client its own result.
func TestWhateverBefallsARest(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPast(t, rand.New(rand.NewPCG(seed, 1)))
				w := p.world
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

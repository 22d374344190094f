package storagetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// operation is one step of a random sequence. Its numbers are reduced to what
// makes sense in the state it meets, so that any sequence is a sound one.
type operation struct {
	Kind string
	A, B uint64
}

func (o operation) String() string { return fmt.Sprintf("%s(%d,%d)", o.Kind, o.A, o.B) }

// operationKinds are weighted: a kind that is here twice comes twice as often.
func operationKinds(canKill bool) []string {
	kinds := []string{
		"append", "append", "append", "replace", "overrule", "vote", "commit", "batches",
		"save", "save", "compact", "install", "read", "close",
	}
	if canKill {
		kinds = append(kinds, "kill", "kill")
	}
	return kinds
}

// operations are the sequence of a seed. Small numbers come more often than large ones.
func operations(seed int, canKill bool) []operation {
	r, kinds := rand.New(rand.NewPCG(uint64(seed), 13)), operationKinds(canKill)
	small := func(most uint64) uint64 { return r.Uint64N(1 + r.Uint64N(most+1)) }
	ops := make([]operation, 1+r.IntN(60))
	for i := range ops {
		ops[i] = operation{kinds[r.IntN(len(kinds))], small(40), small(12)}
	}
	return ops
}

// testModel runs random sequences of operations against the store and against
// what the contract says must be in it.
func (h Harness) testModel(t *testing.T) {
	rule.Checks(t, "ST-9", "ST-10", "ST-12")
	runs := h.ModelRuns
	if runs == 0 {
		runs = 100
	}
	for seed := range runs {
		ops := operations(seed, h.Kill != nil)
		ok := t.Run(fmt.Sprintf("Seed%d", seed), func(t *testing.T) {
			m := &model{se: h.start(t)}
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("after step %d of %v", m.step, ops)
				}
			})
			for i, op := range ops {
				m.step = i
				m.run(op)
				m.check()
			}
		})
		if !ok {
			return
		}
	}
}

// model is what must be in the store.
type model struct {
	se   *session
	step int

	hard      storage.HardState
	sure      uint64 // the commit index that was synced
	base      storage.TermBoundary
	entries   []storage.Entry // from base.Index+1 on
	snapshots []modelSnapshot // visible ones
	term      uint64          // highest used
}

type modelSnapshot struct {
	meta    storage.SnapshotMetadata
	content []byte
}

func (m *model) last() uint64 { return m.base.Index + uint64(len(m.entries)) }

func (m *model) termOf(index uint64) uint64 {
	if index == m.base.Index {
		return m.base.Term
	}
	return m.entries[index-m.base.Index-1].Term
}

// settled is the last index that a host never replaces: what a visible snapshot holds is
// committed, though the stored commit may lag behind it.
func (m *model) settled() uint64 {
	settled := max(m.hard.Commit, m.base.Index)
	if n := len(m.snapshots); n > 0 {
		settled = max(settled, m.snapshots[n-1].meta.Index)
	}
	return settled
}

func (m *model) run(op operation) {
	m.se.t.Helper()
	switch op.Kind {
	case "append":
		m.append(m.last()+1, 1+op.B, max(m.term, 1), op.A%2 == 0)
	case "replace":
		if low := m.settled() + 1; low <= m.last() {
			m.append(low+op.A%(m.last()-low+1), 1+op.B, m.term+1, true)
		}
	case "overrule":
		m.overrule(op)
	case "vote":
		m.term++
		m.setHard(storage.HardState{Term: m.term, Vote: op.B, Commit: m.hard.Commit}, true)
	case "commit":
		if m.last() > m.hard.Commit {
			hs := m.hard
			hs.Term = max(hs.Term, 1)
			hs.Commit += 1 + op.A%(m.last()-m.hard.Commit)
			m.setHard(hs, op.B%4 == 0 || hs.Term != m.hard.Term) // a commit alone may be lost
		}
	case "batches":
		m.batches(1+op.A%5, 1+op.B)
	case "save":
		m.save(op)
	case "compact":
		if n := len(m.snapshots); n > 0 {
			m.compact(min(m.base.Index+op.A, m.snapshots[n-1].meta.Index))
		}
	case "install":
		m.install(op)
	case "read":
		m.read(op)
	case "close", "kill":
		m.restart(op.Kind == "kill")
	}
}

// make returns entries whose sizes vary.
func (m *model) make(first, n, term uint64) []storage.Entry {
	es := entries(first, n, term)
	for i := range es {
		es[i].Data = bytes.Repeat([]byte{byte(es[i].Index), byte(term)}, int(es[i].Index*term*37%900))
	}
	m.term = max(m.term, term)
	return es
}

func (m *model) take(es []storage.Entry) {
	keep := es[0].Index - m.base.Index - 1
	m.entries = append(m.entries[:keep:keep], es...)
}

func (m *model) append(first, n, term uint64, withHardState bool) {
	b := storage.Batch{Entries: m.make(first, n, term), MustSync: true}
	if withHardState {
		b.HardState = storage.HardState{Term: m.term, Vote: 1, Commit: m.hard.Commit}
		m.hard = b.HardState
	}
	m.se.appendBatches(b)
	m.take(b.Entries)
	m.sure = m.hard.Commit
}

// overrule replaces all that is not settled by entries of the term before it,
// as a leader does whose log ends in an older term than what it replaces, and
// compacts the log exactly to there.
func (m *model) overrule(op operation) {
	end := m.settled()
	for range 1 + op.A%4 {
		m.append(m.last()+1, 1+op.B, m.term+1, true)
	}
	m.append(end+1, 1+op.B, max(m.termOf(end), 1), true)
	if end > m.base.Index {
		m.saveAt(end, op)
		m.compact(end)
	}
}

func (m *model) setHard(hs storage.HardState, sync bool) {
	m.se.appendBatches(storage.Batch{HardState: hs, MustSync: sync})
	m.hard = hs
	if sync {
		m.sure = hs.Commit
	}
}

// batches appends several batches in one call, one of them in conflict with
// the one before.
func (m *model) batches(n, size uint64) {
	var all []storage.Batch
	next := m.last() + 1
	for i := range n {
		es := m.make(next, size, max(m.term, 1)+i%2)
		all = append(all, storage.Batch{Entries: es, MustSync: true})
		m.take(es)
		next += 1 + (size-1)*(i%2) // the next one replaces all but the first, every other time
	}
	m.se.appendBatches(all...)
	m.sure = m.hard.Commit
}

func (m *model) save(op operation) {
	if m.last() == m.base.Index {
		return
	}
	index := m.base.Index + 1 + op.A%(m.last()-m.base.Index)
	if index > m.hard.Commit {
		return // a host has only applied what is committed
	}
	m.saveAt(index, op)
}

func (m *model) saveAt(index uint64, op operation) {
	s := modelSnapshot{meta: meta(index, m.termOf(index)), content: bytes.Repeat([]byte{byte(op.B)}, int(op.A*1000))}
	m.se.save(s.meta, false, s.content)
	m.show(s)
}

// show makes a snapshot visible; the newest two stay.
func (m *model) show(s modelSnapshot) {
	var list []modelSnapshot
	for _, o := range m.snapshots {
		if o.meta.Index < s.meta.Index {
			list = append(list, o)
		}
	}
	list = append(list, s)
	for _, o := range m.snapshots {
		if o.meta.Index > s.meta.Index {
			list = append(list, o)
		}
	}
	m.snapshots = list[max(0, len(list)-2):]
}

func (m *model) compact(index uint64) {
	index = max(index, m.base.Index)
	m.se.compact(index, index+1)
	if index > m.base.Index {
		m.base, m.entries = boundary(index, m.termOf(index)), m.entries[index-m.base.Index:]
		m.sure = m.hard.Commit // the same sync
	}
}

func (m *model) install(op operation) {
	index := max(m.last(), m.hard.Commit) + op.A - min(op.A, op.B)
	if index <= m.base.Index || index < m.hard.Commit || index == 0 {
		return
	}
	m.term++
	s := modelSnapshot{meta: meta(index, m.term), content: bytes.Repeat([]byte("s"), int(op.A*100))}
	m.se.save(s.meta, true, s.content)
	hs := storage.HardState{Term: m.term, Commit: index}
	if err := m.se.s.InstallSnapshot(m.se.ctx(), index, hs); err != nil {
		m.se.t.Fatalf("InstallSnapshot %d: %v", index, err)
	}
	m.hard, m.sure, m.base, m.entries = hs, index, boundary(index, m.term), nil
	m.show(s)
}

func (m *model) read(op operation) {
	if len(m.entries) == 0 {
		return
	}
	lo := m.base.Index + 1 + op.A%uint64(len(m.entries))
	hi := min(lo+op.B, m.last()+1)
	got, err := m.se.s.Read(m.se.ctx(), lo, hi, 1<<20)
	if err != nil {
		m.se.t.Fatalf("Read [%d,%d): %v", lo, hi, err)
	}
	m.se.equal(got, m.entries[lo-m.base.Index-1:hi-m.base.Index-1])
}

func (m *model) restart(kill bool) {
	if kill {
		m.se.crash()
	} else {
		m.se.reopen()
		m.sure = m.hard.Commit
	}
	st := m.se.state
	got, low := st.HardState, max(m.sure, m.base.Index)
	if got.Term != m.hard.Term || got.Vote != m.hard.Vote || got.Commit < low || got.Commit > max(m.hard.Commit, m.base.Index) {
		m.se.t.Fatalf("hard state after a restart is %+v, want %+v with a commit of at least %d", got, m.hard, low)
	}
	m.hard.Commit = got.Commit
	want := []storage.TermBoundary{m.base}
	for _, e := range m.entries {
		if e.Term != want[len(want)-1].Term {
			want = append(want, boundary(e.Index, e.Term))
		}
	}
	m.se.expectBounds(m.base.Index+1, m.last(), want...)
}

// check compares everything that can be read.
func (m *model) check() {
	m.se.t.Helper()
	m.se.expectLog(m.entries...)
	var indexes []uint64
	for _, s := range m.snapshots {
		indexes = append(indexes, s.meta.Index)
		m.se.expectSnapshot(s.meta.Index, s.meta, s.content)
	}
	m.se.expectList(indexes...)
}

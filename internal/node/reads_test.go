package node

import (
	"testing"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// loneVoter drives the only voter of a cluster over a disk that takes every
// append at once.
type loneVoter struct {
	t       *testing.T
	core    *Core
	entries []storage.Entry
	saved   storage.HardState
	reads   []Read
}

func (v *loneVoter) boot() {
	v.t.Helper()
	self := []member.Member{{ID: 1, Name: "n1", PeerURLs: []string{"http://n1"}}}
	terms := []storage.TermBoundary{{}}
	for _, e := range v.entries {
		if e.Term > terms[len(terms)-1].Term {
			terms = append(terms, storage.TermBoundary{Index: e.Index, Term: e.Term})
		}
	}
	core, err := NewCore(tabled(Config{
		ID: 1, Group: 1, ElectionTicks: 10, HeartbeatTicks: 1, Bootstrap: self, Entries: v.entries,
		State: storage.State{HardState: v.saved, FirstIndex: 1, LastIndex: uint64(len(v.entries)), Terms: terms},
	}))
	if err != nil {
		v.t.Fatal(err)
	}
	v.core = core
}

// settle does what comes out until nothing does.
func (v *loneVoter) settle() {
	v.t.Helper()
	for {
		out := v.core.Output()
		v.reads = append(v.reads, out.Reads...)
		if len(out.Appends)+len(out.Applies) == 0 {
			return
		}
		for _, a := range out.Appends {
			v.entries = append(v.entries, a.Batch.Entries...)
			v.saved = a.Batch.HardState
			v.done(v.core.AppendDone(a.Number))
		}
	}
}

func (v *loneVoter) done(err error) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
}

// A write was acknowledged, and the process killed before the commit index was
// stored. The next process must not answer a read before it knows again that
// the write is committed.
func TestReadOfALoneVoterAfterARestart(t *testing.T) {
	v := &loneVoter{t: t}
	v.boot()
	v.settle()
	v.done(v.core.Tick())
	v.settle()
	v.done(v.core.Propose([]Proposal{NewProposal(RequestID{Origin: 1, Number: 1}, []byte("write"))}))
	v.settle()
	acknowledged := uint64(len(v.entries))
	v.saved.Commit = 1 // as it was stored with an earlier append

	v.boot()
	v.settle()
	v.done(v.core.Tick())
	v.settle()
	if st := v.core.raft.BasicStatus(); st.RaftState.String() != "StateLeader" {
		t.Fatalf("state %v", st)
	}
	v.done(v.core.ReadIndex([]byte("read")))
	v.settle()
	if len(v.reads) != 1 || v.reads[0].Index < acknowledged {
		t.Errorf("reads %+v, the write was at %d", v.reads, acknowledged)
	}
}

// While the entry of the leader's own term is not durable, reads wait.
func TestReadOfALoneVoterWaitsForItsOwnTerm(t *testing.T) {
	v := &loneVoter{t: t}
	v.boot()
	own := v.held(func(a Append) bool { // the bootstrap entries are of term 1
		return len(a.Batch.Entries) > 0 && a.Batch.Entries[0].Term > 1
	})
	v.done(v.core.ReadIndex([]byte("read")))
	v.settle()
	if len(v.reads) != 0 {
		t.Fatalf("answered too early: %+v", v.reads)
	}
	v.done(v.core.AppendDone(own.Number))
	v.settle()
	if want := own.Batch.Entries[0].Index; len(v.reads) != 1 || v.reads[0].Index < want {
		t.Errorf("reads %+v, want one at %d", v.reads, want)
	}
}

// held does what comes out until there is an append that matches, which is not
// done.
func (v *loneVoter) held(match func(Append) bool) Append {
	v.t.Helper()
	for range 100 {
		out := v.core.Output()
		for _, a := range out.Appends {
			if match(a) {
				return a
			}
			v.done(v.core.AppendDone(a.Number))
		}
		v.done(v.core.Tick())
	}
	v.t.Fatal("no such append")
	return Append{}
}

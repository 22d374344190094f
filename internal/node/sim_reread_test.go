package node

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// reread reads a run from the disk again. It is false if a snapshot has taken the
// log's place: its restore waits, or its install is not acknowledged yet, and then
// the run waits for that.
func (n *simNode) reread(a *simApply) bool {
	d := &n.disk
	if a.First < d.first {
		i := slices.IndexFunc(n.applies, func(w simApply) bool { return w.restore != nil && w.restore.meta.Index >= a.Last })
		if i >= 0 {
			n.applies = n.applies[i:] // the snapshot has what comes before it, too
			return false
		}
		if !slices.ContainsFunc(n.appends[:n.written], func(p Append) bool { return p.Install != nil && p.Install.Index >= a.Last }) {
			n.s.t.Fatalf("node %s lacks [%d,%d] for its state machine, the log begins at %d", n.id, a.First, a.Last, d.first)
		}
		n.applies = slices.Insert(n.applies, 0, *a)
		return false
	}
	var err error
	if a.Apply, err = Reread(a.Before, d.entries[a.First-d.first:a.Last+1-d.first]); err != nil {
		n.s.t.Fatalf("node %s reads [%d,%d] again: %v", n.id, a.First, a.Last, err)
	}
	if a.was == nil {
		return true
	}
	if was, is := a.was.text(), a.Apply.text(); was != is {
		n.s.t.Fatalf("node %s put out %s, and reads %s", n.id, was, is)
	}
	return true
}

// replay is what a host does before it makes the node: it goes through what is
// known to be committed and keeps the rest. The state machine gets that from the
// log.
func (n *simNode) replay(cfg *Config) {
	snap, _ := cfg.snapshot()
	at := Replayed{Index: snap.Index, Registry: cfg.Registry}
	if at.Registry == nil {
		at.Registry = &member.Registry{}
	}
	run := Apply{First: snap.Index + 1, Last: cfg.State.HardState.Commit, Before: at.Registry}
	if run.Last < run.First {
		return
	}
	count := run.Last - snap.Index
	if err := at.Add(cfg.Entries[:count]); err != nil {
		n.s.t.Fatalf("node %s: %v", n.id, err)
	}
	cfg.Replayed, cfg.Entries = at, cfg.Entries[count:]
	n.applies = append(n.applies, simApply{Apply: run, inLog: true})
}

// text is everything that a run has after it.
func (a *Apply) text() string {
	registry, err := json.Marshal(a.Registry)
	return fmt.Sprint(a.First, a.Last, a.Term, a.Commands, a.Bytes, a.Changes, string(registry), err)
}

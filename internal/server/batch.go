package server

import (
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// batch makes the state machine's form of applies, which follow those that it was given
// before. An entry that the state machine has already gets the time of the last one that
// it has; the state machine skips it. A switch of the command version is the last entry of
// items, if there is one, and holds for what follows.
func (d *driver) batch(items []work) statemachine.Batch {
	last := &items[len(items)-1]
	b := statemachine.Batch{Entries: make([]statemachine.Entry, 0, d.count(items)), Through: last.last(), Version: d.version, Hash: d.asksHash(last)}
	d.version = max(d.version, last.apply.Switch)
	for i := range items {
		for k := range items[i].apply.Commands {
			c := &items[i].apply.Commands[k]
			d.time = max(d.time, c.Stamp)
			if d.gives(c) {
				b.Entries = append(b.Entries, statemachine.Entry{Index: c.Index, Data: c.Data, Term: c.Term, Time: d.time, Tick: c.Tick})
			}
		}
	}
	return b
}

// gives tells whether a command goes to the state machine. A tick does not if that does not
// know ticks: it is of another version than the leader's.
func (d *driver) gives(c *node.Command) bool { return d.ticks || !c.Tick }

// count is how many commands of items go to the state machine.
func (d *driver) count(items []work) (n int) {
	for i := range items {
		for k := range items[i].apply.Commands {
			if d.gives(&items[i].apply.Commands[k]) {
				n++
			}
		}
	}
	return n
}

// results has one for each command of items, also for those that were not given.
func (d *driver) results(items []work, given []statemachine.Result) []Result {
	results := make([]Result, 0, len(given))
	for i := range items {
		for k := range items[i].apply.Commands {
			r := statemachine.Result{}
			if d.gives(&items[i].apply.Commands[k]) {
				r, given = given[0], given[1:]
			}
			results = append(results, Result{Data: r.Data, Error: r.Error, Lost: r.Skipped || r.LeftOut})
		}
	}
	return results
}

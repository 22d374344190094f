package server

import "github.com/pontoon-raft/pontoon/plugins/statemachine"

// batch makes the state machine's form of applies, which follow those that it was given
// before. An entry that the state machine has already gets the time of the last one that
// it has; the state machine skips it.
func (d *driver) batch(items []work) statemachine.Batch {
	n := 0
	for i := range items {
		n += len(items[i].apply.Commands)
	}
	b := statemachine.Batch{Entries: make([]statemachine.Entry, 0, n), Through: items[len(items)-1].last()}
	for i := range items {
		for k := range items[i].apply.Commands {
			c := &items[i].apply.Commands[k]
			d.time = max(d.time, c.Stamp)
			b.Entries = append(b.Entries, statemachine.Entry{Index: c.Index, Data: c.Data, Term: c.Term, Time: d.time})
		}
	}
	return b
}

package server

import "github.com/pontoon-raft/pontoon/plugins/statemachine"

// batch makes the state machine's form of applies.
func batch(items []work) statemachine.Batch {
	n := 0
	for i := range items {
		n += len(items[i].apply.Commands)
	}
	b := statemachine.Batch{Entries: make([]statemachine.Entry, 0, n), Through: items[len(items)-1].last()}
	for i := range items {
		for _, c := range items[i].apply.Commands {
			b.Entries = append(b.Entries, statemachine.Entry{Index: c.Index, Data: c.Data})
		}
	}
	return b
}

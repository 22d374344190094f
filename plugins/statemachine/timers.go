package statemachine

import "github.com/pontoon-raft/pontoon/plugins"

// CapabilityTimers: the state machine is a Timer, and takes ticks. Describe says so.
const CapabilityTimers plugins.Capability = "timers"

// Timer is implemented by a state machine in whose state something happens at a time,
// though no client writes: a key that expires, say. It announces CapabilityTimers.
//
// The host asks after Open, after Restore and after each Apply. Once the time has come
// the leader's host puts a tick into the log: an Entry with Tick set and no data, which
// each replica applies as an entry that has a Time and does nothing else, with an empty
// result. One tick is under way at a time, at most one for each raft tick, and none
// while there is nothing to wait for. Ticks may come late, or not at all while there is
// no leader, and may come to a state machine that has not asked: a replica that is
// ahead or late may have. The meaning of a deadline must not rest on them: any entry tells the time.
type Timer interface {
	// NextTimer is the least time, by Entry.Time, at which the state would change with
	// no more than a tick; 0 if there is none. It is a function of the state.
	NextTimer() uint64
}

// NextTimer is the next timer of a state machine that announces CapabilityTimers; 0 of
// others.
func NextTimer(sm StateMachine) uint64 { return timerOf(sm).NextTimer() }

// timerOf is sm if it announces CapabilityTimers, and else a Timer that waits for nothing.
func timerOf(sm StateMachine) Timer {
	if t, ok := sm.(Timer); ok && sm.Describe().Has(CapabilityTimers) {
		return t
	}
	return noTimer{}
}

type noTimer struct{}

func (noTimer) NextTimer() uint64 { return 0 }

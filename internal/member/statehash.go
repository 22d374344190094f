package member

import "errors"

// ErrParted: the state machine of this member has another state than those of a majority of
// the voters, at the same place of the log.
var ErrParted = errors.New("the state machine has another state than a majority")

// StateHashLevel is the level from which the log may have checks of the state.
const StateHashLevel = 4

// A Check is an entry of the leader's host after which all members ask their state machines
// for the hashes of their states. It says nothing but its place.
type Check struct{}

// Package statemachine is the contract of state machine plugins: the
// application that the log drives.
//
// Every replica applies the same entries in the same order, so an Apply must
// be a pure function of the state and the entries: no clock, no randomness, no
// map order, no environment (law 12 of the design). The meaning of an entry's
// data is the application's; the host adds and removes its own header.
//
// The rules that bind a state machine in any language, with their numbers, are in
// docs/plugins/protocol-statemachine.md; the comments here say the same for Go.
//
// A state machine may keep its state in memory only (Open returns 0 and the
// host restores a snapshot and replays), or on disk (Open returns the index up
// to which the state on disk reflects the log; index and data must change in
// one atomic step). One on disk that says how much of its state survives a loss of
// power is Durable.
package statemachine

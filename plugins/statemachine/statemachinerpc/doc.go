// Package statemachinerpc carries the state machine contract over gRPC.
//
// Client is the host's end. It implements statemachine.StateMachine and
// statemachine.Streamer, and is a facade: an answer that the contract rules
// out becomes plugins.ErrBadAnswer with the numbers that were wrong.
//
// Register is the plugin's end: it serves a backend. An Apply is never
// cancelled half-way: batches that the host sent are applied even if it goes
// away.
package statemachinerpc

// Package statemachinetest is the conformance kit of the state machine
// contract, and a small state machine for tests of what drives one.
//
// A state machine's own test calls Run with a Harness. The same call serves
// every lane: a backend in the test's process, the host's end of an RPC
// connection, a plugin process of its own; only Harness.New differs. A state
// machine that passes Run can be driven by a host. RunBenchmarks measures the
// same way.
//
// Register is the reference: the simplest state machine that passes, which
// remembers every entry and can be held, failed and crashed at will.
package statemachinetest

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
//
// The files, in the order in which a run of the kit meets them:
//
//   - harness.go, instance.go: what the kit is told of a state machine, and one that is open;
//   - lifecycle.go, classes.go: what it says of itself, and its beginning and end;
//   - apply.go, determinism.go, time.go, versions.go, hash.go, results.go, limits.go: entries and their results;
//   - query.go, querystream.go: queries, and answers in chunks;
//   - snapshot.go, restore.go: its state, and that of another one;
//   - applier.go, durable.go, ondisk.go: the pipeline, and a state that outlives its process, and
//     that may be relied on;
//   - register.go, registersnapshot.go, registerstream.go, registerdisk.go, registerfaults.go,
//     registerharness.go: the reference;
//   - benchmark.go: the same calls, measured.
package statemachinetest

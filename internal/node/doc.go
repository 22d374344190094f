// Package node is the raft goroutine's room, and the only package that knows
// go.etcd.io/raft.
//
// Core is a step function: ticks, proposals, messages of peers and
// completions of storage and state machine go in; batches to append, messages
// to send, entries to apply and finished reads come out. It has no goroutine,
// no clock, no I/O, so that a deterministic simulation can drive it.
//
// Node runs a Core in one goroutine that never waits for a plugin, a disk or
// a client (law 1 of the design): inputs come through a mailbox, outputs go to
// Ports, which must queue and return.
//
// The duties of the owner of a Core, in the order of raft's contract for
// asynchronous storage writes (go.etcd.io/raft, package documentation):
//
//  1. Appends are made durable in the order in which they came out. When one
//     is durable, AppendDone is called with its number. Messages that depend
//     on it come out after that, never before.
//  2. Applies are handed to the state machine in the order in which they came
//     out. The Core is not told when that is done: for raft they are applied
//     already. Those that a crash loses come out again, or are read from the
//     log: it is compacted only up to a snapshot of the state machine.
//  3. Every message is sent or its receiver reported unreachable; every
//     snapshot send ends in one SnapshotStatus.
//  4. When the storage fails, the Core is dropped, not repaired: whether the
//     last batches survived is unknown, so a new one is made from what is on
//     disk.
package node

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
//
// The files, in the order in which a proposal and a message meet them:
//
//   - config.go, bootregistry.go, replayed.go: what a Core is made from, and the
//     membership that it knows before it runs; core.go: the step function itself;
//   - node.go, mailbox.go, peerevents.go, drops.go: the raft goroutine, its mailbox, what
//     transports say of peers, and the messages for which that had no room; state.go, status.go: what the node shows of itself;
//   - propose.go, command.go, window.go, uncommitted.go: proposals of this node's
//     clients, their form in an entry, and the bounds on those that are not applied;
//   - forward.go, batch.go, taking.go: batches on their way to a leader, the bytes of
//     one, and the batches that a leader has taken;
//   - reads.go: reads that wait for raft;
//   - deliver.go, bulk.go, validate.go, refusals.go: messages of peers, in the caller's
//     goroutine: bounded, decoded, checked by themselves, and counted if refused;
//   - accept.go, farterm.go: the checks against raft's state, in the raft goroutine;
//     received.go, kept.go, wishes.go: those of snapshots, those that break off, and snapshots of the state alone;
//   - input.go: the inputs of raft, from ticks to completed appends;
//   - collect.go, output.go, convert.go, queue.go: raft's output becomes work for the
//     ports, in the types of the contracts, with a number for each append;
//   - log.go, terms.go: raft's view of the stored log, in memory; logger.go: raft's words;
//   - send.go, commitnews.go: messages to peers, and the commit indexes that can wait;
//     trip.go, sizes.go: how long a round trip to a peer takes, and about how many bytes it lacks;
//   - durable.go, putapply.go, reread.go: entries for the state machine, once the commit
//     of a membership change is durable, and again from the log;
//   - change.go, quorum.go, pings.go, promote.go: membership changes, the refusal of those
//     that would cost the quorum, and learners that become voters;
//   - stamp.go: the clocks of the members, and the time of each entry; timer.go: entries
//     that are there for their time;
//   - own.go: entries that the host writes for itself; registration.go, level.go, levelheld.go,
//     commandversion.go, statehash.go: the cluster's number, stores, the feature level, the version
//     of commands, and checks of the state; greeting.go: what peers see of them;
//   - condition.go, contact.go, watch.go, resend.go: what members say of themselves with
//     heartbeats, which of them were heard, which of them get on, and snapshots for one that does not;
//   - fitness.go, space.go, leaderrefuses.go, successor.go, transfer.go: a member that is unfit to lead, one
//     whose storage is short of space, a leader that takes nothing, and the voter that leads instead;
//   - firstelection.go, rival.go, deposed.go: elections that need not wait for raft's timeout;
//     elections.go tells of all, and of leaders;
//   - accused.go, doubt.go, contradicted.go: a word that this node lost data, raft's clock
//     meanwhile, and a peer that denies its acknowledgements;
//   - doubled.go, told.go, bar.go: two processes that serve one member, by what this
//     node sees and by what voters say, and a node that must not vote;
//   - offline.go: entries for tools that write the log of a stopped node.
package node

// Package server is the server goroutine's room: it admits proposals and
// reads, drives the state machine with committed entries, keeps the
// membership, takes and restores snapshots, and answers the clients. It
// outlives the raft node below it: when the storage plugin fails, the node is
// dropped and built anew while the server and its clients stay.
//
// The files, in the order in which a request meets them:
//
//   - config.go, server.go, stop.go: the server, the nodes that come and go below it,
//     and its end; service.go, errors.go: what it offers, and how a request fails;
//   - propose.go, admission.go, occupancy.go: proposals, and the room for them;
//   - expiry.go, misses.go, rejection.go: requests whose time is up, those whose outcome
//     never comes, and those that raft refuses; reign.go: the leader that they were for;
//   - queue.go, batch.go: committed entries on their way to the state machine, and their
//     form there;
//   - machine.go, driver.go, access.go, restartmachine.go, takeover.go, next.go: the server goroutine, which feeds one state machine
//     after another, and lends the running one to queries and snapshots; poison.go, kills.go: the
//     entry that ends them; isolation.go: the member that waits because of one;
//   - progress.go: the applied index, with those that wait for it;
//   - read.go, readrounds.go: queries and the read index; querystream.go: answers in chunks; readsnapshot.go: a snapshot for a client; querygate.go, blockedqueries.go:
//     their places, and the queries that a state machine does not survive;
//   - replay.go, reread.go, restore.go, restoring.go: a state machine is brought to the applied
//     index, by the log or by a snapshot; applytime.go: the time there; commandversion.go: the version of commands; statehash.go, suspect.go: checks of the state; durable.go: what of it survives a loss of power; snapshotformat.go: snapshots of another format; asked.go, patience.go: the storage that is
//     read for that, and may not answer; plea.go: the leader's snapshot, if none here helps;
//   - snapshotter.go, savestate.go, snapshot.go, summedwriter.go: when a snapshot is due, how
//     it is saved and rehearsed, the bytes of its header, and the sum of all of them;
//   - compact.go, retention.go, holds.go: the head of the log is given up, except for what
//     followers need;
//   - membership.go, change.go, ping.go: the members, and their changes;
//   - transfer.go, handover.go: leadership goes to another member; leadership.go: what
//     plugins are told of it;
//   - ready.go, status.go, storagemove.go: whether this member serves, and what it knows of itself;
//   - health.go, busy.go, snapshothealth.go, accesshealth.go, auditstate.go, logstate.go: warnings
//     and their reasons; metrics.go, healthmetrics.go, timings.go, trips.go: what is
//     counted, and how long it took.
package server

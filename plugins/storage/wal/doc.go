// Package wal is the default storage backend: a segmented write-ahead log with
// snapshots beside it, in one flat directory.
//
// The bytes are described in docs/formats/wal.md and docs/formats/snapshot.md;
// this code follows them. The parts, in the order of a write:
//
//   - backend.go, config.go, identity.go: the store, which is package shell around a
//     journal, its section of the configuration, and the file that says whose it is;
//   - journal.go, append.go, rotate.go: batches become records in preallocated
//     segments (segment.go), one write and one fdatasync for all that waited;
//   - header.go, payload.go: the bytes of a record;
//   - logstate.go, reflist.go: the state of the log, in memory: 16 bytes per entry; package
//     logstate has the part that is the same in every log, and refuses what breaks the
//     contract;
//   - read.go, compact.go, upkeep.go: reading by index, giving up the head,
//     and what happens in the background;
//   - reserve.go, space.go: room that is set aside, and when there is too little of it;
//   - scan.go, replay.go, recover.go, salvage.go: opening, and telling a torn tail from
//     damage;
//   - offline.go, inspect.go: the store of a stopped node, without a change on disk;
//   - metrics.go: what is counted.
//
// Three things are always true. Nothing is acknowledged or readable before
// fdatasync returned. After a write or a sync failed, nothing is written again
// by the same store. And no byte on disk is used before a checksum proved it.
package wal

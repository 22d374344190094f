// Package storage is the contract of storage plugins: one node's log, hard
// state and snapshots.
//
// What a host does, in this order:
//
//  1. Open. The answer is all that the host needs to build raft: hard state,
//     log range, the term of every entry, snapshots.
//  2. Batches are appended, one after the other, through an Appender. Each is
//     atomic: after a crash either all of it is there or none of it, and if it
//     is there then so is every batch before it.
//  3. Entries are read and snapshots are saved, opened and listed while
//     appends go on. Compact gives up the head of the log.
//  4. When a snapshot of a peer has been saved (with Received set) and raft
//     accepts it, InstallSnapshot replaces the log by it. No append is in
//     flight then.
//  5. Close.
//
// What must be true whatever happens (kill -9, power loss, a full disk):
//
//   - An acknowledged batch is never lost and never changed.
//   - A vote or a term that was acknowledged is never forgotten.
//   - Damage is reported as ErrCorrupt, with file and position; it is never
//     taken for the end of the log.
//   - After a failed write or sync no later append is acknowledged by the same
//     process: the plugin returns ErrClosed from then on, and the host starts
//     a new one. Whether the failed batch survived is unknown to both until
//     the next Open (reliability: a page that failed to sync is marked clean,
//     so trying again proves nothing).
//
// The rules that bind a storage in any language, with their numbers, are in
// docs/plugins/protocol-storage.md; the comments here say the same for Go.
//
// A storage plugin never interprets entry data and never decides anything
// about consensus.
package storage

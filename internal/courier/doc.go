// Package courier brings raft's messages and snapshots to the peers of a member, and
// theirs to its host.
//
// A Courier has a carrier for each transport plugin, which keeps it running and hands
// it what waits. Its routes choose the transport for each peer: with one transport that
// is this one, and while a cluster moves from one to another, the first that works
// (ADR 0020). A transport calls its handler.
//
// The package knows transports, and no raft node, no storage and no membership: those
// are beyond Host, the few methods that a courier needs. Of the server it has one type,
// PeerLink, in which a status tells how peers are reached. A courier outlives the raft
// nodes of its host, so that peers see the same addresses whatever the storage does.
package courier

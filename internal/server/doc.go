// Package server is the server goroutine's room: it admits proposals and
// reads, drives the state machine with committed entries, keeps the
// membership, takes and restores snapshots, and answers the clients. It
// outlives the raft node below it: when the storage plugin fails, the node is
// dropped and built anew while the server and its clients stay.
package server

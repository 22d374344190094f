// Package demo runs a whole cluster on one machine and shows what it does when
// its leader is killed: it starts one host process for each node in a
// temporary directory, writes and reads, kills, waits, restarts, and at the
// end stops and removes everything.
package demo

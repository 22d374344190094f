// Package sqlite is a state machine whose commands and queries are SQL. Its state is a
// database of SQLite in the data directory.
//
// policy says which SQL is the same on all members, and command runs it. store and view are
// the connections: one that writes, and one for each query, which reads the state at one
// index. dump writes the content in a defined order, as a snapshot and for a hash, and load
// reads it. machine is the life of it all.
package sqlite

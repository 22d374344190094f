// Package snapfile keeps the snapshots of a store as files: one file each, in the
// format of docs/formats/snapshot.md, in the directory in which the backend has its
// log. A backend that keeps a log in files gets the snapshot half of storage.Storage
// with a Shelf: CreateSnapshot, OpenSnapshot, ListSnapshots and InstallSnapshot are
// Create, OpenSnapshot, List and Install.
//
// # Durability
//
// A snapshot is written to a temporary name, synced, renamed, and its directory
// synced, in this order, before Commit returns: a crash leaves all of it or none. The
// newest two visible snapshots stay. Received ones are set aside: they can be opened,
// are not listed, and the next Open removes them unless they were installed. A reader
// returns io.EOF only if the SHA-256 of everything was right.
//
// # The log
//
// The shelf knows of the log what Open is given, the State of the recovered log without
// snapshots, and what Install records. Open refuses a store whose log begins after the
// newest snapshot that is whole, or ends before one: acknowledged entries would be
// missing. The backend does the rest: it compacts to Newest at most, refuses a
// snapshot of its own that is not of its log, and poisons the store after an Install
// that failed once the record was written.
//
// # Limits
//
// A file begins with at most 1 MiB of metadata, checked before it is allocated; the
// content may have any size and is never in memory as a whole.
package snapfile

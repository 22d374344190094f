// Package maintenance is the work on the data of a stopped node: looking at its
// log and snapshots, checking them, copying them to another backend, restoring a
// snapshot, and making one survivor a cluster of its own. The commands of cmd/host read
// flags, call it and print.
//
// It is the only package of a host that knows a backend's inside:
// the backend wal is read in this process, by its own code, and without a
// change on disk. Stores of other backends are opened by their plugin, as a host
// would.
//
// Nothing here runs beside the node: a store or a data directory is held by its lock
// while it is open, and the commands fail if the node has it.
package maintenance

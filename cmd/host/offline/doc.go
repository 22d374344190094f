// Package offline is what the commands for a stopped node do: looking at its
// log and snapshots, checking them, copying them to another backend, and
// making one survivor a cluster of its own.
//
// It is the only part of the host's command that knows a backend's inside:
// the backend wal is read in this process, by its own code, and without a
// change on disk. Stores of other backends are opened by their plugin, as a host
// would.
package offline

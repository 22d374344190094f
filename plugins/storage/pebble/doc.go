// Package pebble is a storage backend over the LSM store
// github.com/cockroachdb/pebble: log and hard state are keys, snapshots are
// files beside it, as in the backend wal.
//
// It is a module and a plugin executable of its own, because pebble and what
// it brings would make the host's executable more than a third larger.
//
// The bytes are described in docs/formats/pebble.md. The parts:
//
//   - store.go: the store, which is package shell around a database. In memory the
//     database has the state of package logstate, and no entries;
//   - identity.go, recover.go: whose data it is, and reading all of it at Open;
//   - append.go, read.go, compact.go: the calls, as changes of the keys;
//   - options.go, config.go: how pebble is set up.
//
// Nothing is acknowledged before pebble's own log was synced. When pebble
// cannot write or sync that log, the process ends: the next Open decides what
// is on disk.
package pebble

// Package pluginlock keeps a catalog of plugins: a directory with one executable for each
// version of a plugin, and plugins.lock, which has the SHA-256 of each and says which
// version is in use. A version never changes. There is no search: what the lock does not
// name is not found.
//
//	plugins.lock
//	statemachine/ledger/1.2.0/1f0c4e5d9a3b7c21/ledger
//
// The lock decides which code a host runs, so the directory and the lock must be out of
// reach of other users. The files below need no such care: each start checks their sums.
package pluginlock

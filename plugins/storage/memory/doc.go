// Package memory is the storage backend for tests and demonstrations: the
// whole contract, and nothing on disk. Acknowledged entries are gone with its
// process, so a cluster that depends on it can lose acknowledged entries, and
// it says so in the log at every Open.
//
// It keeps one promise across its own end: a member that has forgotten its
// votes does not vote again. Open leaves a mark in the data directory, and the
// store of another process refuses a directory that has one, unless its
// configuration says start_over.
//
// Disk and Store are the store itself. They are small enough to be read as a
// specification, and are the reference that the conformance kit in package
// storagetest compares other stores with.
package memory

// Package storecopy copies what a store holds into an empty store of another backend, and
// compares the two. A command for a stopped node and a host that moves its store both do it
// this way. The package opens and closes nothing: which process has a store is for its
// callers.
package storecopy

// Package scaffold makes the folder of a new plugin: one that builds, runs and passes the
// conformance check, and whose application is there to be replaced.
package scaffold

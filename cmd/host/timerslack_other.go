//go:build !linux

package main

// gatherTimers is for Linux: other systems choose a thread's timer slack
// themselves.
func gatherTimers() error { return nil }

//go:build !linux

package sdk

// nameProcess is for Linux: elsewhere a process has the name of its file.
func nameProcess(string) error { return nil }

//go:build !linux

package main

// giveBack would take b out of memory. Only on Linux is it certain that b reads as
// zero afterwards.
func giveBack([]byte) {}

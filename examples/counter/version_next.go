//go:build next

package main

// This is a later release, which changes what a command means: from version 1 on each one
// counts twice.

const version = "1.1.0"

const greatest = 1

// weight goes by the version that the log has reached, and not by the build: a command
// before the switch counts once, in a replay too.
func weight(commands uint32) int64 {
	if commands == 0 {
		return 1
	}
	return 2
}

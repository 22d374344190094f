//go:build !next

package main

// version is the release that an operator sees.
const version = "1.0.0"

// greatest is the greatest version of commands that this build applies. The least is 0.
const greatest = 0

// weight is how often a command counts.
func weight(uint32) int64 { return 1 }

// Package plugincheck checks an executable against the plugin protocol: it starts the
// executable as a host does and runs the conformance kit of its kind on it.
//
// The kits are tests, written for package testing. So a check has two processes: Run, in the
// command that an operator or an author has called, starts the host's executable once more,
// which runs Serve, the tests, and Run reads what they print. A panic in a test, or a test
// that hangs, then ends the second process alone.
package plugincheck

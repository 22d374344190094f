// Package e2e runs real hosts with real plugin processes, as an operator
// would, and proves what the README promises: nothing acknowledged is lost
// whatever is killed, every stop is orderly, every mistake gets one clear
// error, and nothing is left running.
//
// Tests of bounds that hosts promise run one after the other, those that mostly
// wait at the same time. They need Linux: they look into /proc for processes
// that should be gone. With -short the long repetitions are short.
package e2e

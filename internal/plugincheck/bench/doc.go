// Package bench measures a plugin beside the shipped one of its kind, both in processes that
// are started as a host starts them.
//
// The two take turns: in each round both are started, and each measurement is made of one
// and then of the other. A busy machine so slows both, and the ratio of a round means more
// than either of its rates.
//
// The files, in the order in which a run meets them: bench.go has the rounds, player.go what
// takes part in one, machine.go, store.go and link.go the measurements of each kind, meter.go
// a rate, row.go the arithmetic, shipped.go the plugins to compare with, and fault.go why a
// run ends without a result.
package bench

package catalog

import "time"

// activity is what the system knows of a process at one time, as far as it says
// so.
type activity struct {
	suspended bool   // a signal has stopped it
	runnable  bool   // a thread runs, waits for a processor, or for the disk
	cpu       uint64 // what it has used, in ticksPerSecond
}

// ticksPerSecond is the kernel's USER_HZ, which is 100 on all that Go runs on.
const ticksPerSecond = 100

// busyShare is the part of a wait that a process must have run for to be called
// busy: a twentieth. A runtime with nothing to do uses less.
const busyShare = 20

// runs tells whether a process that was seen before the wait was at work in it, or
// would have been with a processor.
func (a activity) runs(before activity, wait time.Duration) bool {
	least := uint64(wait*ticksPerSecond/time.Second) / busyShare
	return a.runnable || a.cpu > before.cpu+least
}

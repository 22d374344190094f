package plugins

// CapabilityBusy: the plugin is a BusyReporter. Describe says so.
const CapabilityBusy Capability = "busy"

// Busy is long work of a plugin, as of a compaction, that keeps it from answering.
type Busy struct {
	// The text names the work for people, on one line, in at most MaxBusyBytes; empty if there is
	// none.
	What string
	// Progress rises as the work gets on. It counts for the process, and not for one work: the
	// next one goes on where the last one ended.
	Progress uint64
}

// BusyReporter is implemented by a backend that may leave calls unanswered for long, because
// there is work to be done first. It announces CapabilityBusy.
//
// A host ends a state machine that does not answer Apply, or Restore, for long. As long
// as that is busy, and its progress rises within each such time, it is left alone, up to a
// hundred times as long. The members' status shows the work, and a leader that is busy hands
// leadership over. It is not a way to be slow: nothing is applied meanwhile.
//
// sdk.Work implements it.
type BusyReporter interface {
	// Busy says what the plugin is at. It is called beside any other call, and returns at
	// once: probes wait for it.
	Busy() Busy
}

// Package logsink stands between a host's log and its reader. A reader that
// stops reading (a full pipe, a stuck journal, a terminal held by Ctrl-S) makes
// a write to it wait without end; a host that waits with it stops leading,
// voting and stopping. A Sink takes lines without waiting, writes them from one
// goroutine, and drops and counts what does not fit.
package logsink

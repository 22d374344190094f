// Package patience says for how long a host waits for a plugin before it takes it for hung.
// Each bound grows with the election timeout, which operators raise where disks or networks
// are slow. The rules of the protocol for authors have the same numbers.
package patience

import "time"

// Open bounds Open, which may recover a large log.
func Open(election time.Duration) time.Duration { return 5*time.Minute + election }

// Append is how long an append may be unanswered: slow disks stall for seconds, so
// this is generous.
func Append(election time.Duration) time.Duration { return 20*time.Second + 5*election }

// Apply is how long an Apply, or a Restore that neither takes bytes nor answers, may be
// unanswered.
func Apply(election time.Duration) time.Duration { return 30*time.Second + 10*election }

// restorePace is how many bytes of a snapshot a second a state machine works off at least, and
// longestRestore the most that its size gives, whatever the storage says of that.
const (
	restorePace    = 1 << 20
	longestRestore = 24 * time.Hour
)

// Restore is the same for a snapshot of so many bytes: a state machine may do all its work after
// it has read everything.
func Restore(election time.Duration, bytes uint64) time.Duration {
	return Apply(election) + time.Duration(min(bytes/restorePace, uint64(longestRestore/time.Second)))*time.Second
}

// Send is how long a transport may take no messages. It queues them and sends
// them later, or drops them, so it has nothing to wait for.
func Send(election time.Duration) time.Duration { return 10*time.Second + 5*election }

// Package history holds what clients of a cluster were told: every operation
// with the moments between which it happened, and its outcome. A history is kept
// in a file of JSON lines, so that it can be judged again.
package history

import "math"

// Kind is what an operation does.
type Kind string

// The kinds of operations.
const (
	Put           Kind = "put"
	CompareAndSet Kind = "cas"
	Read          Kind = "read"
)

// Outcome is what the client was told of an operation.
type Outcome string

// The outcomes, in the words of the client API.
const (
	Applied    Outcome = "applied"
	NotApplied Outcome = "not applied"
	Unknown    Outcome = "unknown"
)

// A Version is a value that was found under a key, and the revision of the write
// that put it there. The zero Version is that of a key that does not exist.
type Version struct {
	Value    string `json:"value,omitempty"`
	Revision uint64 `json:"revision,omitempty"`
}

// An Operation is one request of one client and what became of it.
type Operation struct {
	Client int `json:"client"`
	// Member is whom the client asked; a client that goes on to another member by
	// itself may have got its answer there.
	Member string `json:"member"`
	Kind   Kind   `json:"kind"`
	Key    string `json:"key"`
	// Value is what a write writes. No two writes of a history have the same.
	Value string `json:"value,omitempty"`
	// Expected is what a compare-and-set wants to find.
	Expected Version `json:"expected,omitzero"`
	// Stale is set for a read that asks for whatever the member has. All other reads
	// are linearizable.
	Stale bool `json:"stale,omitempty"`

	// Began and Ended are nanoseconds of one monotonic clock since the run began.
	Began   int64   `json:"began"`
	Ended   int64   `json:"ended"`
	Outcome Outcome `json:"outcome"`
	// Reason is the stable word of a failure.
	Reason string `json:"reason,omitempty"`

	// Index is the place of a write in the log, or the applied index that a read
	// reflects at least.
	Index uint64 `json:"index,omitempty"`
	// Revision is that of an applied write; 0 if its result was lost.
	Revision uint64 `json:"revision,omitempty"`
	// Lost says that a write was applied and its result was lost.
	Lost bool `json:"lost,omitempty"`
	// Refused says that a compare-and-set found something else than it wanted.
	Refused bool `json:"refused,omitempty"`
	// Found is the answer of a read, and what a refused compare-and-set found.
	Found Version `json:"found,omitzero"`
}

// Writes reports whether the operation may change a key.
func (o *Operation) Writes() bool { return o.Kind != Read }

// Observes reports whether the operation's answer says what it has found.
func (o *Operation) Observes() bool {
	return o.Outcome == Applied && (o.Kind == Read || o.Refused)
}

// End is the moment by which the operation has had its effect, if it ever has.
// An operation of unknown outcome may have it at any time.
func (o *Operation) End() int64 {
	if o.Outcome == Unknown {
		return math.MaxInt64
	}
	return o.Ended
}

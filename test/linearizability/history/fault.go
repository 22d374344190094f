package history

// A Fault is one disturbance of the cluster, in the clock of the operations.
type Fault struct {
	Kind   string `json:"kind"`
	Target string `json:"target"`
	// Out are the members that it takes out, Apart the pairs of members between which
	// not all bytes pass.
	Out   []string    `json:"out,omitempty"`
	Apart [][2]string `json:"apart,omitempty"`
	// Voter is set if there is one voter more meanwhile.
	Voter bool `json:"voter,omitempty"`

	// Part is set if it is a part of another fault, which counts in its place.
	Part bool `json:"part,omitempty"`

	// Took is set if it was seen to take effect.
	Took bool `json:"took,omitempty"`

	Began int64 `json:"began"`
	// Ended is when it was undone; 0 if it never was.
	Ended int64 `json:"ended,omitempty"`
	// Back is when the processes of its members were up again; 0 if they never were.
	Back int64 `json:"back,omitempty"`
}

// lasts reports whether a fault may disturb the cluster at a moment.
func (f *Fault) lasts(at int64) bool {
	return f.Began <= at && (f.Ended == 0 || f.Back == 0 || at < max(f.Ended, f.Back))
}

// overlaps reports whether a fault may disturb the cluster between two moments.
func (f *Fault) overlaps(from, until int64) bool {
	return f.Began <= until && (f.Ended == 0 || f.Back == 0 || from <= max(f.Ended, f.Back))
}

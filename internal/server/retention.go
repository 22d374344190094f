package server

// retentionParts is into how many parts the bytes that stay in the log are
// divided: the bound is kept to within one of them.
const retentionParts = 64

// retention knows roughly where in the log how many bytes are, of what was
// applied since the host started.
type retention struct {
	limit  uint64 // bytes to keep at most
	total  uint64 // applied so far
	points []retentionPoint
}

// retentionPoint says how many bytes there are up to an index.
type retentionPoint struct{ index, total uint64 }

// applied tells of entries with so many bytes, up to index. Entries that are
// applied again after a restart of the state machine count once.
func (r *retention) applied(index, bytes uint64) {
	n := len(r.points)
	if n > 0 && index <= r.points[n-1].index {
		return
	}
	r.total += bytes
	if n > 1 && r.total-r.points[n-2].total <= r.limit/retentionParts {
		r.points[n-1] = retentionPoint{index, r.total}
		return
	}
	r.points = append(r.points, retentionPoint{index, r.total})
	if n >= 4*retentionParts { // no snapshot was taken for long: the oldest entries are not needed
		r.points = r.points[1:]
	}
}

// floor returns the index up to which the log may go so that at most limit bytes
// stay of what is up to index; 0 if less than that is known to be there.
func (r *retention) floor(index uint64) uint64 {
	total := uint64(0)
	for _, p := range r.points {
		if p.index <= index {
			total = p.total
		}
	}
	for i, p := range r.points {
		if p.index <= index && total-p.total <= r.limit {
			if i == 0 {
				return 0
			}
			r.points = r.points[i-1:] // nothing further back is asked for again
			return p.index
		}
	}
	return 0
}

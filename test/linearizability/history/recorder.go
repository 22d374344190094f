package history

import (
	"sync"
	"time"
)

// A Recorder collects operations from any number of clients, and the faults that
// were made meanwhile, on one clock.
type Recorder struct {
	start time.Time

	mu         sync.Mutex
	operations []Operation
	faults     []*Fault
	written    int64
}

// NewRecorder begins a history.
func NewRecorder() *Recorder { return &Recorder{start: time.Now()} }

// Now is the moment in the clock of the history.
func (r *Recorder) Now() int64 { return time.Since(r.start).Nanoseconds() }

// Add records an operation that has ended.
func (r *Recorder) Add(o Operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.operations = append(r.operations, o)
	if o.Writes() && o.Outcome == Applied {
		r.written = max(r.written, o.Ended)
	}
}

// SinceWrite is for how long no write was acknowledged.
func (r *Recorder) SinceWrite() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Duration(r.Now() - r.written)
}

// AddFault records a fault that begins. The caller goes on to fill it in, until Take.
func (r *Recorder) AddFault(f *Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, f)
}

// Take returns all that was recorded. Nothing is recorded afterwards.
func (r *Recorder) Take() ([]Operation, []Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	faults := make([]Fault, len(r.faults))
	for i, f := range r.faults {
		faults[i] = *f
	}
	return r.operations, faults
}

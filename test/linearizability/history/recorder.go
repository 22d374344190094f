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
	faults     []Fault
}

// A Fault is one disturbance of the cluster, in the clock of the operations.
type Fault struct {
	Kind   string `json:"kind"`
	Target string `json:"target"`
	Began  int64  `json:"began"`
	Ended  int64  `json:"ended"`
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
}

// AddFault records a fault that is over.
func (r *Recorder) AddFault(f Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, f)
}

// Take returns all that was recorded. Nothing is recorded afterwards.
func (r *Recorder) Take() ([]Operation, []Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.operations, r.faults
}

package storagetest

import (
	"fmt"
	"maps"
	"slices"
	"sync"
)

// CrashHistory is what a workload has asked for and what was acknowledged: it
// judges what a crash has left. All methods may be called concurrently.
type CrashHistory struct {
	mu sync.Mutex
	// states are the logs after each step; a crash may leave any from acked
	// on.
	states []string
	acked  int
	// snapshots by index: true once acknowledged. Only the newest two
	// acknowledged ones must be there.
	snapshots map[uint64]bool
	// store is the id that the first Open answered; 0 before.
	store uint64
}

// CrashPromise is what no crash may take away.
type CrashPromise struct {
	// Acked is how many states came before the first that may be found.
	Acked int
	// Snapshots are the indexes of those that must be there.
	Snapshots []uint64
	// Store is the store's id; 0 if no Open has answered one yet.
	Store uint64
}

// CrashVerdict is what is wrong with what was found after a crash; the zero value
// is that nothing is.
type CrashVerdict struct {
	// Lost: the log is not one of those that were possible.
	Lost bool
	// Renamed: the store has another id.
	Renamed bool
	// Missing are snapshots that are gone.
	Missing []uint64
}

// NewCrashHistory is that of an empty store.
func NewCrashHistory() *CrashHistory {
	return &CrashHistory{states: []string{CrashLog{}.String()}, snapshots: map[uint64]bool{}}
}

// Intend notes the log as it will be when what is asked for next is done.
func (h *CrashHistory) Intend(l CrashLog) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.states = append(h.states, l.String())
}

// Ack says that all that was intended is durable.
func (h *CrashHistory) Ack() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acked = len(h.states) - 1
}

// Snapshot notes that a snapshot is asked for, or that it was acknowledged.
func (h *CrashHistory) Snapshot(index uint64, acked bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.snapshots[index] = acked
}

// Newest is the index of the newest snapshot that was asked for; 0 if none was.
func (h *CrashHistory) Newest() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	newest := uint64(0)
	for index := range maps.Keys(h.snapshots) {
		newest = max(newest, index)
	}
	return newest
}

// States are the logs after each step.
func (h *CrashHistory) States() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.states)
}

// Opened notes the id that an Open answered: it is the same for ever.
func (h *CrashHistory) Opened(store uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.store != 0 && h.store != store {
		return fmt.Errorf("the store was %x and is %x", h.store, store)
	}
	h.store = store
	return nil
}

// Promised returns what must be there now, whatever happens.
func (h *CrashHistory) Promised() CrashPromise {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := CrashPromise{Acked: h.acked, Store: h.store}
	var done []uint64
	inFlight := 0
	for index, acked := range h.snapshots {
		if !acked {
			inFlight++
			continue
		}
		done = append(done, index)
	}
	slices.Sort(done)
	slices.Reverse(done)
	keep := 2 // the newest two, but one may be about to go for another
	if inFlight > 0 {
		keep = 1
	}
	p.Snapshots = done[:min(keep, len(done))]
	return p
}

// Possible tells whether a log may be found after a crash that came when so many
// states were acknowledged.
func (h *CrashHistory) Possible(acked int, log string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.states[acked:], log)
}

// Judge compares what was found after a crash with what was promised before it.
func (h *CrashHistory) Judge(p CrashPromise, f CrashFindings) (v CrashVerdict) {
	v.Lost = !h.Possible(p.Acked, f.Log)
	v.Renamed = p.Store != 0 && f.Store != p.Store
	for _, index := range p.Snapshots {
		if !slices.Contains(f.Snapshots, index) {
			v.Missing = append(v.Missing, index)
		}
	}
	return v
}

package api

import (
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/bucket"
)

const (
	// From one address wasteBurst pieces of waste may come at once, and wasteRate in a
	// second. A connection is closed for it only if more than wasteOfOne came by it. Of
	// frames about the connection itself controlOfOne are free, as clients send them at
	// the beginning, and one more after each pingEvery.
	wasteBurst   = 2000
	wasteRate    = 500
	wasteOfOne   = 100
	controlOfOne = 16
	// justOpened is the age up to which a stream that is broken off is waste.
	justOpened = time.Second
	// New connections wait for holdBack if too much came from their address.
	holdBack = time.Second
	// mostAddresses are remembered, and more only while too much comes from each of them.
	mostAddresses = 1024
)

// waste counts work for the host that serves no request: streams that are broken off
// just after they were opened, and frames about the connection itself. It counts by
// address, since a client that is cut off for it may come back at once.
type waste struct {
	mu sync.Mutex
	by map[string]*bucket.Bucket
}

// spend reports false if there was too much.
func (w *waste) spend(address string, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	left := w.by[address]
	if left == nil {
		w.forgetLocked(now)
		left = bucket.New(wasteRate, wasteBurst, now)
		w.by[address] = left
	}
	return left.Take(now)
}

// spent tells whether there was too much from that address lately.
func (w *waste) spent(address string, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	left := w.by[address]
	return left != nil && left.Left(now) < wasteBurst/4
}

// forgetLocked keeps the number of addresses bounded.
func (w *waste) forgetLocked(now time.Time) {
	if len(w.by) < mostAddresses {
		return
	}
	for address, left := range w.by {
		if left.Left(now) >= wasteBurst/4 {
			delete(w.by, address)
		}
	}
}

package api

import (
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/bucket"
)

const (
	// From one address breakBurst streams may be broken off at once that are no
	// older than justOpened, and breakRate in a second. A connection is closed for
	// it only if it has broken off more than breaksOfOne.
	breakBurst  = 2000
	breakRate   = 500
	breaksOfOne = 100
	justOpened  = time.Second
	// holdBack is how long new connections wait of an address from which there were
	// too many.
	holdBack = time.Second
	// mostAddresses are remembered, but for those from which there were too many.
	mostAddresses = 1024
)

// breaks counts the streams that are broken off just after they were opened, by
// address: a client that is cut off for it may come back at once.
type breaks struct {
	mu sync.Mutex
	by map[string]*bucket.Bucket
}

// spend reports false if there were too many.
func (b *breaks) spend(address string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := b.by[address]
	if left == nil {
		b.forgetLocked(now)
		left = bucket.New(breakRate, breakBurst, now)
		b.by[address] = left
	}
	return left.Take(now)
}

// spent tells whether there were too many from that address lately.
func (b *breaks) spent(address string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := b.by[address]
	return left != nil && left.Left(now) < breakBurst/4
}

// forgetLocked keeps the number of addresses bounded.
func (b *breaks) forgetLocked(now time.Time) {
	if len(b.by) < mostAddresses {
		return
	}
	for address, left := range b.by {
		if left.Left(now) >= breakBurst/4 {
			delete(b.by, address)
		}
	}
}

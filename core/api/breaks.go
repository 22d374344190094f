package api

import (
	"sync"
	"time"
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
	by map[string]*breakBucket
}

// A breakBucket is how many may come at once, as of a time.
type breakBucket struct {
	left int
	at   time.Time
}

func (b *breakBucket) refill(now time.Time) {
	if more := int(min(now.Sub(b.at), time.Minute) * breakRate / time.Second); more > 0 {
		b.left, b.at = min(breakBurst, b.left+more), now
	}
}

// spend reports false if there were too many.
func (b *breaks) spend(address string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	bucket := b.by[address]
	if bucket == nil {
		b.forgetLocked(now)
		bucket = &breakBucket{left: breakBurst, at: now}
		b.by[address] = bucket
	}
	bucket.refill(now)
	if bucket.left == 0 {
		return false
	}
	bucket.left--
	return true
}

// spent tells whether there were too many from that address lately.
func (b *breaks) spent(address string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	bucket := b.by[address]
	if bucket == nil {
		return false
	}
	bucket.refill(now)
	return bucket.left < breakBurst/4
}

// forgetLocked keeps the number of addresses bounded.
func (b *breaks) forgetLocked(now time.Time) {
	if len(b.by) < mostAddresses {
		return
	}
	for address, bucket := range b.by {
		if bucket.refill(now); bucket.left >= breakBurst/4 {
			delete(b.by, address)
		}
	}
}

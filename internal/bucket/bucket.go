// Package bucket bounds how often something may happen: so many times at once, and
// then as many as become free in the time that passes.
package bucket

import "time"

// A Bucket is full when it is new. It is for one goroutine at a time.
type Bucket struct {
	rate, burst float64
	left        float64 // as of at
	at          time.Time
}

// New returns a Bucket from which burst may be taken at once, and rate in a second.
func New(rate, burst int, now time.Time) *Bucket {
	return &Bucket{rate: float64(rate), burst: float64(burst), left: float64(burst), at: now}
}

// Every returns a Bucket from which burst may be taken at once, and one more after each
// period.
func Every(period time.Duration, burst int, now time.Time) *Bucket {
	return &Bucket{rate: 1 / period.Seconds(), burst: float64(burst), left: float64(burst), at: now}
}

// Take takes one, and reports false if there is none.
func (b *Bucket) Take(now time.Time) bool {
	if b.Left(now) < 1 {
		return false
	}
	b.left--
	return true
}

// Spend takes so many, also if there are fewer, and returns how long it takes until none
// is owed. The rate must not be 0.
func (b *Bucket) Spend(n int, now time.Time) time.Duration {
	b.left = b.Left(now) - float64(n)
	return time.Duration(max(-b.left, 0) / b.rate * float64(time.Second))
}

// Left is how much can be taken, with the part that is not yet a whole one. Times that
// come in another order, as callers that share a Bucket have them, add no time twice.
func (b *Bucket) Left(now time.Time) float64 {
	if passed := now.Sub(b.at); passed > 0 {
		b.left, b.at = min(b.left+passed.Seconds()*b.rate, b.burst), now
	}
	return b.left
}

// Full reports whether a new Bucket would be the same.
func (b *Bucket) Full(now time.Time) bool { return b.Left(now) >= b.burst }

// Wait is how long it takes until there is one, as of the last call of another
// method. The rate must not be 0.
func (b *Bucket) Wait() time.Duration {
	return time.Duration(max(1-b.left, 0) / b.rate * float64(time.Second))
}

// Package intake bounds the memory of messages that have not come to their end.
package intake

import (
	"errors"
	"sync"
)

// ErrFull: as much as one sender may have on its way is on its way.
var ErrFull = errors.New("too many messages at one time")

// An Intake bounds what messages have in memory before they have come to their end: of
// each peer so much, and of all other senders together as much again. A peer that sends
// slowly takes nothing from the others. Its methods may be called concurrently.
type Intake struct {
	each int64

	mu      sync.Mutex
	reading map[uint64]int64 // bytes that were announced, by peer; of all others by 0
}

// New returns an Intake of so many bytes for each peer.
func New(each int) *Intake { return &Intake{each: int64(each), reading: map[uint64]int64{}} }

// Take counts a message of the given length, -1 if it is not known, until release. All
// other senders are peer 0.
func (i *Intake) Take(peer uint64, length int64) (release func(), err error) {
	if length < 0 || length > i.each { // the latter is refused before it is read
		length = i.each
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.reading[peer]+length > i.each {
		return nil, ErrFull
	}
	i.reading[peer] += length
	return func() { i.release(peer, length) }, nil
}

func (i *Intake) release(peer uint64, length int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.reading[peer] -= length; i.reading[peer] == 0 {
		delete(i.reading, peer)
	}
}

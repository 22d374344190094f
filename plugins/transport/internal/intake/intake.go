package httptransport

import (
	"errors"
	"sync"
)

// errIntake: as much as one sender may have on its way is on its way.
var errIntake = errors.New("too many messages at one time")

// An intake bounds what messages that come as requests of their own, and those
// before snapshots, have in memory before they have come to their end: of each peer
// as much as one message may have at most, and of all other senders together as much
// again. A peer that sends slowly takes nothing from the others.
type intake struct {
	each int64

	mu      sync.Mutex
	reading map[uint64]int64 // bytes that were announced, by peer; of all others by 0
}

func newIntake(each int) *intake { return &intake{each: int64(each), reading: map[uint64]int64{}} }

// take counts a message of the given length, -1 if it is not known, until release.
func (i *intake) take(peer uint64, length int64) (release func(), err error) {
	if length < 0 || length > i.each { // the latter is refused before it is read
		length = i.each
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.reading[peer]+length > i.each {
		return nil, errIntake
	}
	i.reading[peer] += length
	return func() { i.release(peer, length) }, nil
}

func (i *intake) release(peer uint64, length int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.reading[peer] -= length; i.reading[peer] == 0 {
		delete(i.reading, peer)
	}
}

// takeFrom counts a message of a sender, which is a peer or not.
func (e *endpoint) takeFrom(sender uint64, length int64) (release func(), err error) {
	if p := e.Roster.Named()[sender]; p == nil || p.remote {
		sender = 0
	}
	return e.intake.take(sender, length)
}

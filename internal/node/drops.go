package node

import "sync/atomic"

// After a line about drops the log says nothing of them for dropPause election timeouts.
const dropPause = 10

// drops are the messages of peers for which there was no room. All but the counter
// belong to the raft goroutine.
type drops struct {
	messages atomic.Uint64

	unsaid uint64
	pause  int // ticks until the log may speak again
}

func (d *drops) add(messages uint64) {
	d.messages.Add(messages)
	d.unsaid += messages
}

// tick tells the log what was dropped, but not too often.
func (d *drops) tick(n *Node) {
	if d.pause > 0 {
		d.pause--
	}
	if d.pause > 0 || d.unsaid == 0 {
		return
	}
	n.logger.Warn("dropped what peers have sent: too much at once", "messages", d.unsaid)
	d.unsaid = 0
	d.pause = dropPause * n.core.cfg.ElectionTicks
}

// Dropped counts messages of peers that found the mailbox full.
func (n *Node) Dropped() uint64 { return n.drops.messages.Load() }

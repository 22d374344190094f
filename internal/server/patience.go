package server

import (
	"errors"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
)

// storageError is a failure of the storage that the state machine was to be
// brought to the applied index from. It says nothing of the state machine.
type storageError struct{ error }

// Unwrap returns the failure itself.
func (e storageError) Unwrap() error { return e.error }

// isOfStorage tells whether the storage failed in a way that may pass.
func isOfStorage(err error) bool {
	return errors.As(err, new(storageError)) && !errors.Is(err, ErrPermanent)
}

// patience is the time between the tries of a storage that cannot be read: from
// a tick on it doubles, up to five elections.
type patience struct {
	d     *driver
	pause time.Duration
}

// wait says why the state machine gets nothing and waits until the storage is
// worth another try, because time has passed or because there is another one
// than node n's. The error says that there will be none: the state machine or
// the host has ended.
func (p *patience) wait(n *node.Node, why error) error {
	s := p.d.s
	if s.ended() {
		return ErrStopping
	}
	p.say(why)
	p.pause = min(max(2*p.pause, s.cfg.Tick), 5*s.cfg.Election)
	s.logger.Warn("the state machine waits for a storage that cannot be read", "error", why, "again_in", p.pause)
	timer := time.NewTimer(p.pause)
	defer timer.Stop()
	for {
		changed := s.changed.next()
		if now, _ := s.attached(); now != n && now != nil {
			return nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return nil
		case <-p.d.m.Done():
			p.over()
			return p.d.ended()
		case <-s.queue.done:
			return ErrStopping
		}
	}
}

// say says why the storage cannot be read.
func (p *patience) say(why error) {
	text := why.Error()
	p.d.s.unread.Store(&text)
}

// over says that the storage can be read.
func (p *patience) over() { p.d.s.unread.Store(nil) }

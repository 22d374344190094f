//go:build linux

package disk

import (
	"errors"
	"sync"
	"syscall"
)

// room is the space that was given back on a disk since it is full.
type room struct {
	full *Switch

	mu    sync.Mutex
	given int64 // bytes
}

// left is how many bytes there is room for. Not bounded means that the disk is not
// full.
func (r *room) left() (bytes int64, bounded bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	bounded, err = r.boundedLocked()
	if bounded {
		err = errors.Join(err, r.full.felt())
	}
	return r.given, bounded, err
}

func (r *room) boundedLocked() (bool, error) {
	full, err := r.full.IsOn()
	if err == nil && !full {
		r.given = 0
	}
	return full, err
}

// give gives room back.
func (r *room) give(bytes int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	full, err := r.boundedLocked()
	if full {
		r.given += bytes
	}
	return err
}

// take takes room, or fails as a full disk does.
func (r *room) take(bytes int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	full, err := r.boundedLocked()
	switch {
	case err != nil:
		return err
	case !full:
		return nil
	case bytes > r.given:
		return errors.Join(syscall.ENOSPC, r.full.felt())
	}
	r.given -= bytes
	return nil
}

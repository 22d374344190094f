package server

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins"
)

const (
	// maxHashes is how many hashes are kept of the checks that this member has applied: what a
	// majority has is heard some heartbeats after a check.
	maxHashes = 16
	// maxAgreements is how many are kept of what a majority has, as it is heard. A member that is
	// late has its own hash after it has heard of them: with one check in ten election timeouts
	// of a second, it may be late by almost three hours.
	maxAgreements = 1024
)

// stateHashes are those of this member's state machine, and what is heard of the others.
// They are of the server goroutine. The state that they were made of is that of the state
// machine which runs: after a restore there are none.
type stateHashes struct {
	own []node.StateHash
	// trusted is the least index of a snapshot that the state machine may be restored from:
	// those before are of a state that has parted from that of a majority. rebuilds tells that
	// the state machine has no state that is trusted, and waits for such a snapshot.
	trusted  uint64
	rebuilds bool
	// suspect is the index of a check at which this member had parted, as an earlier life of
	// its host has noted, and no check has shown since that it has the state of the others; 0 if
	// there is none. suspicion is the quarantine for that.
	suspect   uint64
	suspicion *Quarantine
	partings  []time.Time // in the last hour
}

// maxPartings is how often in an hour a state machine may part before the next try waits for
// isolationPause, as any that ends again and again: it parts by its own doing then.
const maxPartings = 3

// agreements are the hashes that a majority of the voters has, as they are heard: the last
// maxAgreements, and of each check the last word.
type agreements struct {
	mu    sync.Mutex
	list  []node.StateHash
	fresh atomic.Bool // there is something to compare
}

func (a *agreements) add(h node.StateHash) (added bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if h.Index == 0 || slices.Contains(a.list, h) {
		return false
	}
	a.list = slices.DeleteFunc(a.list, func(o node.StateHash) bool { return o.Index == h.Index && o.Name == h.Name })
	a.list = append(a.list, h)
	a.list = a.list[max(0, len(a.list)-maxAgreements):]
	a.fresh.Store(true)
	return true
}

// taken returns what there is to compare; nil if nothing has come since the last time.
func (a *agreements) taken() []node.StateHash {
	if !a.fresh.Swap(false) {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.list)
}

// parted is the end of a state machine whose state differs from that of a majority of the
// voters after the same entry.
type parted struct{ own, agreed node.StateHash }

func (p parted) Error() string {
	return fmt.Sprintf("after entry %d its hash is %016x, and that of a majority of the voters is %016x", p.own.Index, p.own.Value, p.agreed.Value)
}

// Unwrap says what it is.
func (p parted) Unwrap() error { return member.ErrParted }

// wholeHash is the first 8 bytes of the SHA-256 of a hash, or of the name of one.
func wholeHash(b []byte) uint64 {
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:])
}

// hashNameOf is the digest of the name of a hash; 0 if there is none.
func hashNameOf(name string) uint64 {
	if name == "" {
		return 0
	}
	return max(1, wholeHash([]byte(name)))
}

// asksHash tells whether a batch is followed by the hash of the state. A state machine that
// had entries before it was started, and is ahead of the log, has another state.
func (d *driver) asksHash(last *work) bool {
	return d.hashName > 0 && last.apply.Check && last.last() > d.at
}

// hashed takes the hash of the state after the entry at index, for the leader to hear.
func (d *driver) hashed(index uint64, value []byte) error {
	h, err := d.hashOf(index, value)
	if err != nil {
		return err
	}
	d.s.hashes.own = keepHash(d.s.hashes.own, h)
	d.s.agreed.fresh.Store(true)
	d.s.tellHash(h)
	return nil
}

// hashOf checks the hash of the state after the entry at index.
func (d *driver) hashOf(index uint64, value []byte) (node.StateHash, error) {
	if n := len(value); n == 0 || n > plugins.MaxStateHashBytes {
		return node.StateHash{}, fmt.Errorf("the hash of the state after entry %d has %d bytes, not from 1 to %d: %w", index, n, plugins.MaxStateHashBytes, plugins.ErrBadAnswer)
	}
	return node.StateHash{Index: index, Name: d.hashName, Value: wholeHash(value)}, nil
}

// keepHash adds the hash after a later check.
func keepHash(list []node.StateHash, h node.StateHash) []node.StateHash {
	list = append(list, h)
	return list[max(0, len(list)-maxHashes):]
}

// toldHash is what the node is told: the last hash, and whether what this member has is not
// trusted.
type toldHash struct {
	node.StateHash
	untrusted bool
}

// tellHash has the others hear of a hash.
func (s *Server) tellHash(h node.StateHash) {
	s.hash.Store(&toldHash{h, s.hashes.rebuilds || s.hashes.suspect > 0})
	s.retellHash()
}

// retellHash tells the node the last hash: that which is the last when the node takes it.
func (s *Server) retellHash() {
	if n, _ := s.attached(); n != nil && s.hash.Load() != nil {
		n.Do(func(c *node.Core) error {
			told := s.hash.Load()
			c.SetStateHash(told.StateHash, !told.untrusted)
			return nil
		})
	}
}

// checkParted is an error if this member's state was not that of a majority at a check.
func (d *driver) checkParted() error {
	s := d.s
	s.acquitUnchecked(d.hashName)
	for _, agreed := range s.agreed.taken() {
		i := slices.IndexFunc(s.hashes.own, func(h node.StateHash) bool { return h.Index == agreed.Index })
		switch {
		case i < 0 || agreed.Name != d.hashName:
		case s.hashes.own[i] != agreed:
			return parted{s.hashes.own[i], agreed}
		default:
			s.checked.Store(max(s.checked.Load(), agreed.Index))
			if agreed.Index >= s.hashes.suspect {
				s.acquit("index", agreed.Index)
			}
		}
	}
	return nil
}

// heardAgreed takes what a majority of the voters has.
func (s *Server) heardAgreed(h node.StateHash) {
	if s.agreed.add(h) {
		s.queue.signal()
	}
}

// part quarantines this member, whose state differs from that of a majority. Nothing that
// it has is trusted: neither the state machine's state, if that is kept, nor a snapshot. It
// is rebuilt from a snapshot of the leader that is newer than all of its own.
func (s *Server) part(p parted) {
	h, now := &s.hashes, time.Now()
	h.own, h.suspect, h.suspicion, h.rebuilds, h.trusted = nil, 0, nil, true, max(p.own.Index, s.snapshots.newest(s.given)+1)
	s.tellHash(p.own)
	h.partings = append(slices.DeleteFunc(h.partings, func(at time.Time) bool { return now.Sub(at) > time.Hour }), now)
	s.isolated.Store(&Quarantine{Index: p.own.Index, Parted: true, Tries: len(h.partings), LastWords: p.Error(), Since: now})
	s.noteParting(p.own.Index, p.Error())
	s.metrics.parted.Inc()
	s.logger.Error("the state machine has another state than a majority of the voters: this member is quarantined until it is rebuilt from a snapshot of the leader", "event", events.Quarantine,
		"index", p.own.Index, "hash", fmt.Sprintf("%016x", p.own.Value), "majority", fmt.Sprintf("%016x", p.agreed.Value), "times_in_an_hour", len(h.partings))
}

// restsAfter tells whether the next try comes at once: the state machine has parted, which a
// snapshot repairs, and does not do so again and again.
func (h *stateHashes) restsAfter(err error) bool {
	return errors.As(err, new(parted)) && len(h.partings) < maxPartings
}

// restored notes that the state is that of the snapshot at index. It is another one than that
// of the last hash, and the leader hears so.
func (s *Server) restored(index uint64) {
	h := &s.hashes
	ends := h.rebuilds && index >= h.trusted
	h.own, h.rebuilds = nil, h.rebuilds && !ends
	s.tellHash(node.StateHash{Name: s.hash.Load().Name})
	if !ends {
		return
	}
	s.noteParting(0, "")
	if q := s.isolated.Load(); q != nil && q.Parted {
		s.isolated.Store(nil)
		s.logger.Info("the quarantine is over: the state machine has the state of the leader", "event", events.Quarantine, "index", index, "after", time.Since(q.Since).Round(time.Second))
	}
}

// needsRebuild is the error of a state machine that has not been rebuilt.
func (s *Server) needsRebuild() error {
	err := fmt.Errorf("what this member has is not trusted: %w", member.ErrParted)
	return helpless{error: errors.Join(s.otherFormat, err), newest: s.worstSnapshot()}
}

// worstSnapshot is the greatest index of a snapshot that is of no use, or not trusted; 0 if
// there is none.
func (s *Server) worstSnapshot() (index uint64) {
	if s.hashes.trusted > 0 {
		index = s.hashes.trusted - 1
	}
	for useless := range s.useless {
		index = max(index, useless)
	}
	return index
}

// statesDiffer says that the voters have different states, and no majority the same.
func statesDiffer(ns node.State) (list []Warning) {
	if ns.Split == 0 {
		return nil
	}
	return []Warning{{WarnStatesDiffer, fmt.Sprintf("after entry %d the state machines of the voters have different states, and no majority has the same: "+
		"compare what they answer to stale reads, remove the wrong one, and add it anew", ns.Split)}}
}

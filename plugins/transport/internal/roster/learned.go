package roster

import (
	"maps"
	"net/url"
	"slices"
	"time"
)

// MaxLearned bounds the peers that are known from their own words only.
const MaxLearned = 16

// learned is a remote peer that the host has not named: it called. A joiner
// answers members in this way that it has not heard of yet (statement B2).
type learned[P Peer] struct {
	peer  P
	heard time.Time
}

// Learn returns the peer for a caller: one that the host has named, or else a
// remote one, which is added if it is not known yet. When there are too many of
// these, the one that was not heard of for the longest time is stopped. Of a caller
// that was removed, and after Close, it is the zero value.
//
// urls, where there are any, are where the peer can be reached, if it is not named.
// They must be believed already: this node may dial them.
func (r *Roster[P]) Learn(id uint64, urls []*url.URL) (p P, added bool) {
	p, gone, added := r.learn(id, urls)
	for _, p := range gone {
		p.Stop()
	}
	return p, added
}

func (r *Roster[P]) learn(id uint64, urls []*url.URL) (p P, gone []P, added bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if named, ok := r.Named()[id]; ok {
		return named, nil, false
	}
	if _, removed := r.Removed(id); removed || r.closed {
		return p, nil, false
	}
	l, known := r.learned[id]
	if !known {
		if len(r.learned) >= MaxLearned {
			gone = append(gone, r.dropLongestUnheard())
		}
		l.peer = r.rules.New(id, true)
	}
	l.heard = time.Now()
	r.learned[id] = l
	if len(urls) > 0 {
		l.peer.SetURLs(urls)
	}
	return l.peer, gone, !known
}

// dropLongestUnheard needs r.mu and at least one learned peer.
func (r *Roster[P]) dropLongestUnheard() P {
	var oldest uint64
	first := true
	for id, l := range r.learned {
		if first || l.heard.Before(r.learned[oldest].heard) {
			oldest, first = id, false
		}
	}
	p := r.learned[oldest].peer
	delete(r.learned, oldest)
	return p
}

// forget drops the learned peers that the host has named, that were removed, or
// that are not heard any more, and returns them. It needs r.mu.
func (r *Roster[P]) forget() (gone []P) {
	for id, l := range r.learned {
		if _, removed := r.Removed(id); removed || r.Knows(id) || !r.rules.Heard(id) {
			delete(r.learned, id)
			gone = append(gone, l.peer)
		}
	}
	return gone
}

// Learned are the numbers of the learned peers.
func (r *Roster[P]) Learned() []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.learned))
}

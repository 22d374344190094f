package quictransport

import (
	"net/url"
	"time"
)

// maxLearned bounds the senders known from their own words only.
const maxLearned = 16

// learnedPeer is a remote that the host has not named: it called. A joiner
// answers members in this way that it has not heard of yet (statement B2): on
// the connection that they dialled, which asks nobody to believe anything.
type learnedPeer struct {
	*peer
	heard time.Time
}

// callerPeer returns the peer for a caller that was not removed: one that the host
// has named, or else a learned one. When there are too many of these, the one
// that was not heard of for the longest time is returned as gone, to be
// stopped. Both are nil once closing has begun.
//
// Where a caller says that it can be reached is believed only if it is
// vouched for: this node dials that.
func (e *endpoint) callerPeer(h hello, vouched bool) (p, gone *peer) {
	var urls []*url.URL
	if vouched || e.config.LearnRemotes {
		urls = e.security.guard.Usable(h.urls)
	}
	added := false
	defer func() {
		if added { // not under e.mu: a log may be slow
			e.reach.Learned(h.from, "an unknown member called", "")
		}
	}()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		return nil, nil
	}
	if p := (*e.peers.Load())[h.from]; p != nil {
		return p, nil
	}
	known, ok := e.learned[h.from]
	if !ok {
		if len(e.learned) >= maxLearned {
			gone = e.longestUnheard()
			delete(e.learned, gone.id)
		}
		known.peer = newPeer(e, h.from)
		known.remote.Store(true)
		added = true
	}
	known.heard = time.Now()
	e.learned[h.from] = known
	if len(urls) > 0 {
		known.urls.Set(urls)
		known.startDialler()
	}
	return known.peer, gone
}

// longestUnheard needs e.mu and at least one learned peer.
func (e *endpoint) longestUnheard() *peer {
	var oldest learnedPeer
	for _, l := range e.learned {
		if oldest.peer == nil || l.heard.Before(oldest.heard) {
			oldest = l
		}
	}
	return oldest.peer
}

// takeLearned returns the peer with its connection if it was learned, and
// else a new one. It needs e.mu.
func (e *endpoint) takeLearned(id uint64) *peer {
	if l, ok := e.learned[id]; ok {
		delete(e.learned, id)
		return l.peer
	}
	return newPeer(e, id)
}

// forgetRemoved drops the learned peers that were removed, or that are not heard
// any more, and returns them.
// It needs e.mu.
func (e *endpoint) forgetRemoved() (gone []*peer) {
	for id, l := range e.learned {
		if _, removed := (*e.removed.Load())[id]; removed || e.security.authenticated() && !e.desk.Stands(id) {
			delete(e.learned, id)
			gone = append(gone, l.peer)
		}
	}
	return gone
}

// peer returns a peer that was named by the host, or else has been learned;
// nil if neither.
func (e *endpoint) peer(id uint64) *peer {
	if p := (*e.peers.Load())[id]; p != nil {
		return p
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.learned[id].peer
}

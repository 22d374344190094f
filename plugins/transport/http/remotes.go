package httptransport

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxLearned bounds the senders known from their own words only.
const maxLearned = 16

// learnedPeer is a remote that the host has not named: it called, and said
// where it can be reached. A joiner answers members in this way that it has
// not heard of yet (statement B2).
type learnedPeer struct {
	*peer
	heard time.Time
}

// learn notes where an unknown sender says that it can be reached. Anyone who
// knows the cluster's id could otherwise make this node dial any address, so
// only those are believed whom their certificate vouches for, which vouched has
// checked, or all if the configuration says so. When there are too many, the one that was not heard
// of for the longest time goes.
func (e *endpoint) learn(r *http.Request, from uint64) {
	if from == 0 || from == e.self.node || (!e.config.LearnRemotes && e.security.members == nil) {
		return
	}
	if (*e.peers.Load())[from] != nil {
		return
	}
	urls := e.security.guard.Usable(strings.Split(r.Header.Get(headerURLs), ","))
	if len(urls) == 0 {
		return
	}
	added, gone := e.addLearned(from, urls)
	if gone != nil {
		gone.stop()
	}
	if added { // not under e.mu: a log may be slow
		e.reach.Learned(from, "learned where an unknown member can be reached", urls[0].String())
	}
}

// addLearned tells whether the peer is new, and returns the one that had to go
// for it.
func (e *endpoint) addLearned(from uint64, urls []*url.URL) (added bool, gone *peer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, removed := (*e.removed.Load())[from]
	if e.closing || removed || (*e.peers.Load())[from] != nil {
		return false, nil
	}
	if known, ok := e.learned[from]; ok {
		known.urls.Set(urls)
		e.learned[from] = learnedPeer{known.peer, time.Now()}
		return false, nil
	}
	if len(e.learned) >= maxLearned {
		gone = e.longestUnheard()
		delete(e.learned, gone.id)
	}
	p := newPeer(e, from, true)
	p.urls.Set(urls)
	e.learned[from] = learnedPeer{p, time.Now()}
	return true, gone
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

// forgetLearned drops those that the host has named, that were removed, or that
// are not heard any more, and returns them. It needs e.mu.
func (e *endpoint) forgetLearned() (gone []*peer) {
	for id, l := range e.learned {
		_, removed := (*e.removed.Load())[id]
		unheard := e.security.members != nil && !e.desk.Stands(id)
		if removed || unheard || e.closing || (*e.peers.Load())[id] != nil {
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

package quictransport

import "net/url"

// callerPeer returns the peer for a caller that was not removed: one that the host
// has named, or else a learned one, which answers on the connection that the caller
// has dialled: that needs no belief. It is nil once closing has begun.
//
// Where a caller says that it can be reached is believed only if it is
// vouched for: this node dials that.
func (e *endpoint) callerPeer(h hello, vouched bool) *peer {
	var urls []*url.URL
	if vouched || e.config.LearnRemotes {
		urls = e.Trust.Guard.Usable(h.urls)
	}
	p, added := e.Roster.Learn(h.from, urls)
	if added {
		e.Reach.Learned(h.from, "an unknown member called", "")
	}
	if p != nil && len(urls) > 0 {
		p.Start()
	}
	return p
}

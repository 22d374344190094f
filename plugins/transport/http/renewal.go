package httptransport

import (
	"context"
	"errors"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/reach"
)

var errRenewed = errors.New("connections to the sender are made anew")

// Living implements shell.Peer: it is a context that ends with the connections that stand now.
func (p *peer) Living() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.life
}

// renew ends all connections to a peer, which makes new ones, and the snapshots
// that come from it.
func (e *endpoint) renew(id uint64) {
	p := e.Roster.Get(id)
	if p == nil {
		return
	}
	p.mu.Lock()
	end := p.end
	p.life, p.end = context.WithCancel(p.ctx)
	p.mu.Unlock()
	end()
	e.mu.Lock()
	defer e.mu.Unlock()
	for key, t := range e.transfers {
		if key.from == id {
			t.fail(errRenewed)
		}
	}
}

// failed notes why the peer cannot be reached.
func (p *peer) failed(err error) {
	p.e.Reach.Failed(p.id, p.urls.Shown(), err)
}

// causes are this backend's own reasons why a peer is not reached.
func causes() []reach.Cause {
	return []reach.Cause{
		{Err: errIncompatibleVersion, Word: "version"},
		{Err: errClusterMismatch, Word: "other_cluster"},
		{Err: errToMismatch, Word: "other_member"},
		{Err: errUnknownSender, Word: "unknown_there"},
		{Err: errGreeting, Word: "greeting"},
	}
}

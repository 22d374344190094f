package connections

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/vouching"
)

// hears tells why a caller that has proved who it is is not heard: no member, as far as this
// node and its peers know. The peers are asked beside it, and the caller comes again.
func (n *node) hears(l *link, caller uint64) error {
	if n.desk == nil {
		return nil
	}
	heard, ask := n.desk.Admits(caller)
	if ask && n.life.Enter() {
		go func() {
			defer n.life.Leave()
			n.mu.Lock()
			peers := maps.Clone(n.peers)
			n.mu.Unlock()
			n.desk.Told(caller, vouching.Ask(peers, func(p *peer) vouching.Answer { return p.vouches(caller) }))
		}()
	}
	if heard {
		return nil
	}
	err := fmt.Errorf("member %x: %w", caller, peertls.ErrNoMember)
	n.refusals.Called(l.conn.RemoteAddr().String(), err)
	return err
}

// vouches asks the peer whether it knows a caller as a member.
func (p *peer) vouches(caller uint64) vouching.Answer {
	u := p.urls.Pick()
	if u == nil {
		return vouching.Unanswered
	}
	ctx, cancel := context.WithTimeout(p.ctx, time.Second+p.n.opts.Election)
	defer cancel()
	a, err := p.n.ask(ctx, p.id, u, caller)
	switch {
	case err != nil:
		return vouching.Unanswered
	case a.Vouches:
		return vouching.Member
	}
	return vouching.Unknown
}

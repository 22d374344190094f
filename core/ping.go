package core

import (
	"context"
	"errors"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// ping asks whether a member answers under its peer URLs, which may be those that
// a change is to bring: nil if it does by one of the transports, ErrCannotPing if
// none of those that run can tell.
func (c *courier) ping(ctx context.Context, m member.Member) error {
	answer := transport.ErrCannotPing
	for _, k := range c.carriers {
		t, urls := k.transport.Load(), c.usableURLs(k, m.PeerURLs)
		if t == nil || len(urls) == 0 {
			continue
		}
		err := transport.PingOf(ctx, *t, transport.Peer{Id: uint64(m.ID), Urls: urls})
		switch {
		case err == nil:
			return nil
		case errors.Is(err, transport.ErrUnreachable), errors.Is(err, context.DeadlineExceeded):
			answer = err
		default: // the transport cannot tell, or is not well itself
		}
	}
	if answer != transport.ErrCannotPing {
		c.h.logger.Warn("a member does not answer under the peer URLs that it has after a change of the members",
			"peer", m.ID, "urls", m.PeerURLs, "error", answer)
	}
	return answer
}

// usableURLs are those that a transport can dial.
func (c *courier) usableURLs(k *carrier, urls []string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return k.reach.of(urls)
}

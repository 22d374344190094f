package courier

import (
	"context"
	"errors"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Ping asks whether a member answers under its peer URLs, which may be those that
// a change is to bring: nil if it does by one of the transports, ErrCannotPing if
// none of those that run can tell. All are asked at the same time: one whose path is
// lost does not answer before ctx ends.
func (c *Courier) Ping(ctx context.Context, m member.Member) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan error, len(c.carriers))
	for _, k := range c.carriers {
		go func() { answers <- c.pingBy(ctx, k, m) }()
	}
	answer := transport.ErrCannotPing
	for range c.carriers {
		switch err := <-answers; {
		case err == nil:
			return nil
		case errors.Is(err, transport.ErrUnreachable), errors.Is(err, context.DeadlineExceeded):
			answer = err
		default: // the transport cannot tell, or is not well itself
		}
	}
	if answer != transport.ErrCannotPing {
		c.logger.Warn("a member does not answer under the peer URLs that it has after a change of the members",
			"peer", m.ID, "urls", m.PeerURLs, "error", answer)
	}
	return answer
}

// pingBy asks by one transport.
func (c *Courier) pingBy(ctx context.Context, k *carrier, m member.Member) error {
	t, urls := k.transport.Load(), c.usableURLs(k, m.PeerURLs)
	if t == nil || len(urls) == 0 {
		return transport.ErrCannotPing
	}
	return transport.PingOf(ctx, *t, transport.Peer{Id: uint64(m.ID), Urls: urls})
}

// usableURLs are those that a transport can dial.
func (c *Courier) usableURLs(k *carrier, urls []string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return k.reach.of(urls)
}

package shell

import (
	"context"
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peerurls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/vouching"
)

// Ping implements Endpoint.
func (s *Station[P]) Ping(ctx context.Context, peer transport.Peer) error {
	if !s.Life.Enter() {
		return plugins.ErrClosed
	}
	defer s.Life.Leave()
	p, named := s.Roster.Named()[peer.Id]
	if !named {
		return transport.ErrUnknownPeer
	}
	urls, malformed := s.Trust.Guard.URLs(peer)
	ctx, cancel := context.WithTimeout(ctx, s.dial)
	defer cancel()
	defer context.AfterFunc(p.Context(), cancel)()
	err := peerurls.Any(ctx, urls, p.Identify)
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", transport.ErrUnreachable, errors.Join(malformed, err))
}

// Refused tells the host if a peer has answered that this node was removed, and tells
// whether the answer will be the same for long.
func (s *Station[P]) Refused(by P, err error) bool {
	var removed *greetings.RemovedError
	if errors.As(err, &removed) {
		s.Reporter.Removed(by.ID(), removed.Proof)
		return true
	}
	return greetings.Mismatched(err)
}

// Belongs refuses a caller at that address that proved who it is and is not a member,
// as far as this node and its peers know. Those that were removed are told so
// elsewhere.
func (s *Station[P]) Belongs(address string, from uint64) error {
	if s.Hears(from) {
		return nil
	}
	err := fmt.Errorf("%w: it is of member %x", peertls.ErrNoMember, from)
	s.Trust.Refusals.Called(address, err)
	return err
}

// Hears tells whether a caller that proved who it is may be heard, and has the
// peers asked if need be. Where nothing is proved every caller is heard.
func (s *Station[P]) Hears(from uint64) bool {
	if !s.Trust.Proven() {
		return true
	}
	heard, ask := s.Desk.Admits(from)
	if ask {
		s.Life.Go(func() { s.inquire(from) })
	}
	return heard
}

// inquire asks the peers whether one of them knows the caller as a member.
func (s *Station[P]) inquire(about uint64) {
	ctx, cancel := context.WithTimeout(s.Life.Context(), s.dial)
	defer cancel()
	s.Desk.Told(about, vouching.Ask(s.Roster.Named(), func(p P) vouching.Answer { return p.Vouches(ctx, about) }))
}

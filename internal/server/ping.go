package server

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// maxAsking bounds the changes for which members are asked for at the same time.
// Only one can be under way in the log; the others wait for their turn.
const maxAsking = 4

// ping asks for those who would vote after a change, under the peer URLs that they
// would have, all at the same time and for two election timeouts at most. Only a
// leader asks: others propose nothing. A change that leaves the voters as they are,
// and where they are, depends on no address.
func (s *Server) ping(ctx context.Context, c member.Change) node.Pings {
	_, registry := s.progress.get()
	voters := votersAfter(registry, registry.Complete(c))
	if s.cfg.Ping == nil || s.leader() != s.cfg.ID || slices.EqualFunc(voters, votersAfter(registry, member.Change{}), isWhere) {
		return nil
	}
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*s.cfg.Election)
	defer cancel()
	var mu sync.Mutex
	var asking sync.WaitGroup
	pings := node.Pings{}
	for _, m := range voters {
		if m.ID == s.cfg.ID {
			continue
		}
		asking.Go(func() {
			err := s.cfg.Ping(ctx, m)
			if errors.Is(err, transport.ErrCannotPing) {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			pings[m.ID] = node.Ping{URLs: m.PeerURLs, Reached: err == nil}
		})
	}
	asking.Wait()
	return pings
}

// isWhere tells whether two are one member, at one place.
func isWhere(a, b member.Member) bool { return a.ID == b.ID && slices.Equal(a.PeerURLs, b.PeerURLs) }

// votersAfter are the members that would vote after a change, as they would be
// then. A new one comes as a learner.
func votersAfter(registry *member.Registry, c member.Change) []member.Member {
	var voters []member.Member
	for _, m := range registry.Members() {
		if m.ID == c.Member.ID {
			if c.Op == member.Remove {
				continue
			}
			m = c.Member
		}
		if !m.Learner {
			voters = append(voters, m)
		}
	}
	return voters
}

package member

import (
	"fmt"
	"math"
	"slices"

	"github.com/pontoon-raft/pontoon/internal/memberform"
)

// Admit says whether c may be proposed: it is acceptable to r, and what it brings
// in is held to the rules of the configuration. It is for the leader that proposes
// c; a change that stands in the log already is judged by Check alone, so that
// replicas of different builds decide alike. Changes are proposed one at a time,
// so no two members can come to share a client address.
func (r *Registry) Admit(c Change) error {
	if err := r.Check(c); err != nil || c.Op == Remove {
		return err
	}
	m, old := c.Member, r.members[c.Member.ID]
	if m.Name != old.Name {
		if err := memberform.CheckName(m.Name); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	for _, u := range m.PeerURLs {
		if slices.Contains(old.PeerURLs, u) {
			continue
		}
		if err := memberform.CheckPeerURL(u); err != nil {
			return fmt.Errorf("%w: peer URL %w", ErrInvalid, err)
		}
	}
	if err := r.checkSpellings(m); err != nil {
		return err
	}
	if err := r.checkRoom(c); err != nil {
		return err
	}
	if m.ClientAddress == "" || m.ClientAddress == old.ClientAddress {
		return nil
	}
	if err := memberform.CheckAddress(m.ClientAddress); err != nil {
		return fmt.Errorf("%w: client address %w", ErrInvalid, err)
	}
	for _, o := range r.members {
		if o.ID != m.ID && o.ClientAddress == m.ClientAddress {
			return fmt.Errorf("client address %s belongs to member %s: %w", m.ClientAddress, o.ID, ErrExists)
		}
	}
	return nil
}

// maxRegistry bounds the text of a registry that a change makes larger: half of the
// header of a snapshot. A removal may make the text up to twice as large, for the proof
// of it may be longer than the member, and is never refused.
const maxRegistry = 2 << 20

// checkRoom says whether the membership after c fits into a snapshot.
func (r *Registry) checkRoom(c Change) error {
	next, err := r.Apply(c, math.MaxUint64, math.MaxUint64)
	if err != nil {
		return err
	}
	if now, then := r.size(), next.size(); then > now && then > maxRegistry {
		return fmt.Errorf("the membership after it has %d bytes, limit %d: %w", then, maxRegistry, ErrFull)
	}
	return nil
}

// size is that of the text of r.
func (r *Registry) size() int {
	text, err := r.MarshalJSON()
	if err != nil {
		panic(fmt.Sprintf("registry: %v", err)) // plain text and numbers
	}
	return len(text)
}

// checkSpellings says whether another member has one of m's peer URLs in another
// spelling, which only a log from before there was one spelling can have.
func (r *Registry) checkSpellings(m Member) error {
	urls := memberform.CanonicalPeerURLs(m.PeerURLs)
	for _, o := range r.members {
		for _, u := range o.PeerURLs {
			if o.ID != m.ID && slices.Contains(urls, memberform.CanonicalPeerURL(u)) {
				return fmt.Errorf("peer URL %s belongs to member %s: %w", u, o.ID, ErrExists)
			}
		}
	}
	return nil
}

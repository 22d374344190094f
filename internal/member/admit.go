package member

import (
	"fmt"
	"maps"
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

// checkRoom says whether the membership after c, which leaves its member one, fits into a
// snapshot. It is asked on the raft goroutine, and the removed ids may be many: their text
// is measured and not made, once for both, and they are not copied.
func (r *Registry) checkRoom(c Change) error {
	next := *r
	next.founding = r.foundingAfter(c)
	next.members = maps.Clone(r.members)
	if next.members == nil {
		next.members = map[ID]Member{}
	}
	next.members[c.Member.ID] = r.memberAfter(c)
	gone := r.removedSize()
	if now, then := r.presentSize()+gone, next.presentSize()+gone; then > now && then > maxRegistry {
		return fmt.Errorf("the membership after it has %d bytes, limit %d: %w", then, maxRegistry, ErrFull)
	}
	return nil
}

// presentSize is that of the text of r without the removed members.
func (r *Registry) presentSize() int {
	present := *r
	present.removed = nil
	text, err := present.MarshalJSON()
	if err != nil {
		panic(fmt.Sprintf("registry: %v", err)) // plain text and numbers
	}
	return len(text)
}

// removedSize is how much longer the text of r is for the removed members.
func (r *Registry) removedSize() int {
	if len(r.removed) == 0 {
		return 0
	}
	size := len(`,"removed":[]`) + len(r.removed)*len(`{"id":,"index":,"term":},`) - len(`,`)
	for _, p := range r.removed {
		size += digits(uint64(p.ID)) + digits(p.Index) + digits(p.Term)
	}
	return size
}

// digits is how many a number has.
func digits(n uint64) int {
	count := 1
	for ; n >= 10; n /= 10 {
		count++
	}
	return count
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

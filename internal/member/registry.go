package member

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/pontoon-raft/pontoon/internal/memberform"
)

// Refusals of a change. Registry.Check and Registry.Apply return them, from the log
// alone, so that every replica refuses alike; Registry.Admit returns them before a
// change is proposed.
var (
	// ErrRemovedID: a member is added under an id that was removed.
	ErrRemovedID = errors.New("the id was removed from the cluster and cannot come back")
	// ErrExists: a member is added, or changed, with an id, a name or an address of
	// another one.
	ErrExists = errors.New("a member with this id, name or address exists")
	// ErrUnknown: a change is of a member that the registry does not have. For a
	// removal callers may take that as done.
	ErrUnknown = errors.New("no such member")
	// ErrLastVoter: the only voter is to be removed.
	ErrLastVoter = errors.New("the last voter cannot be removed")
	// ErrFull: a member is added, or made larger, and the membership with all that were
	// ever removed would not fit into a snapshot any more.
	ErrFull = errors.New("there is no room for another member: too many were removed already, whose ids are kept for ever")
	// ErrInvalid: a member lacks an id, a name or a peer URL, or one of them is over
	// the limits; or the operation is unknown.
	ErrInvalid = errors.New("incomplete or ill-formed member")
)

// Limits of a member. They are part of what every replica decides alike, so
// they are constants and not settings; with them a change fits into any entry,
// and a registry of hundreds of members into a snapshot's header.
const (
	maxName    = 256                    // bytes
	maxAddress = memberform.MostAddress // bytes, of a peer URL or a client address
	maxURLs    = memberform.MostURLs
	// maxID leaves out the ids that raft uses for its own storage threads.
	maxID = math.MaxUint64 - 2
)

// Registry is an immutable membership as of some index: a change makes a new
// one. The zero value has no members.
type Registry struct {
	members  map[ID]Member
	removed  map[ID]Removed
	number   uint64
	founding uint64
	// begun tells that founding is final: the number was drawn, or a tool made
	// this registry the beginning of a cluster.
	begun    bool
	level    uint64 // see Level
	commands uint32 // see CommandVersion
}

// Op is what a change does.
type Op string

// The operations.
const (
	Add    Op = "add"    // a new voter or learner, or a learner that becomes a voter
	Remove Op = "remove" // a member leaves for good
	Update Op = "update" // new name or addresses
)

// Change is one membership change as it stands in the log.
type Change struct {
	Op     Op     `json:"op"`
	Member Member `json:"member"`
}

// Complete fills in what an update leaves empty with what the member has, and writes
// peer URLs in their one spelling. The proposer of a change calls it, so that the whole
// member stands in the log, and applying the change needs nothing but the log.
func (r *Registry) Complete(c Change) Change {
	c.Member.PeerURLs = memberform.CanonicalPeerURLs(c.Member.PeerURLs)
	old, exists := r.members[c.Member.ID]
	if c.Op != Update || !exists {
		return c
	}
	c.Member.Name = cmp.Or(c.Member.Name, old.Name)
	c.Member.ClientAddress = cmp.Or(c.Member.ClientAddress, old.ClientAddress)
	if len(c.Member.PeerURLs) == 0 {
		c.Member.PeerURLs = old.PeerURLs
	}
	c.Member.Learner, c.Member.Promote = old.Learner, old.Promote
	return c
}

// Check says whether c is acceptable to r: nil, or one of the refusals.
// Removing an unknown member is ErrUnknown, which callers may take for done.
func (r *Registry) Check(c Change) error {
	m := c.Member
	old, exists := r.members[m.ID]
	switch c.Op {
	case Add:
		if exists && (!old.Learner || m.Learner) {
			return fmt.Errorf("member %s: %w", m.ID, ErrExists)
		}
		return r.checkNew(m)
	case Update:
		if !exists {
			return fmt.Errorf("member %s: %w", m.ID, ErrUnknown)
		}
		return r.checkNew(m)
	case Remove:
		if !exists {
			return fmt.Errorf("member %s: %w", m.ID, ErrUnknown)
		}
		if !old.Learner && len(r.Voters()) == 1 {
			return fmt.Errorf("member %s: %w", m.ID, ErrLastVoter)
		}
		return nil
	default:
		return fmt.Errorf("operation %q: %w", c.Op, ErrInvalid)
	}
}

// checkNew says whether m may stand in the registry beside the others.
func (r *Registry) checkNew(m Member) error {
	if err := checkShape(m); err != nil {
		return err
	}
	if _, gone := r.removed[m.ID]; gone {
		return fmt.Errorf("member %s: %w", m.ID, ErrRemovedID)
	}
	for _, o := range r.members {
		if o.ID == m.ID {
			continue
		}
		if o.Name == m.Name {
			return fmt.Errorf("name %q belongs to member %s: %w", m.Name, o.ID, ErrExists)
		}
		for _, u := range m.PeerURLs {
			if slices.Contains(o.PeerURLs, u) {
				return fmt.Errorf("peer URL %s belongs to member %s: %w", u, o.ID, ErrExists)
			}
		}
	}
	return nil
}

// checkShape says whether m can be a member of any cluster.
func checkShape(m Member) error {
	switch {
	case m.ID == 0 || m.Name == "" || len(m.PeerURLs) == 0 || slices.Contains(m.PeerURLs, ""):
		return fmt.Errorf("member %s needs an id, a name and a peer URL: %w", m.ID, ErrInvalid)
	case m.ID > maxID:
		return fmt.Errorf("member id %s is reserved: %w", m.ID, ErrInvalid)
	case len(m.Name) > maxName:
		return fmt.Errorf("name of %d bytes, limit %d: %w", len(m.Name), maxName, ErrInvalid)
	case len(m.PeerURLs) > maxURLs:
		return fmt.Errorf("%d peer URLs, limit %d: %w", len(m.PeerURLs), maxURLs, ErrInvalid)
	}
	for _, a := range append([]string{m.ClientAddress}, m.PeerURLs...) {
		if len(a) > maxAddress {
			return fmt.Errorf("address of %d bytes, limit %d: %w", len(a), maxAddress, ErrInvalid)
		}
	}
	return nil
}

// Apply returns the registry after c, committed at the given position. On a
// refusal it returns r itself and the reason.
func (r *Registry) Apply(c Change, index, term uint64) (*Registry, error) {
	if err := r.Check(c); err != nil {
		return r, err
	}
	next := r.clone()
	next.founding = r.foundingAfter(c)
	if c.Op == Remove {
		delete(next.members, c.Member.ID)
		next.removed[c.Member.ID] = Removed{ID: c.Member.ID, Index: index, Term: term}
	} else {
		next.members[c.Member.ID] = r.memberAfter(c)
	}
	return next, nil
}

// memberAfter is the member of a change that leaves it one.
func (r *Registry) memberAfter(c Change) Member {
	m, old := c.Member, r.members[c.Member.ID]
	m.Store = old.Store
	m.PeerURLs = slices.Sorted(slices.Values(m.PeerURLs))
	if c.Op == Update {
		m.Learner, m.Promote = old.Learner, old.Promote
	} else {
		m.Promote = m.Promote && m.Learner
	}
	return m
}

// clone copies r for a change.
func (r *Registry) clone() *Registry {
	next := &Registry{
		members: maps.Clone(r.members), removed: maps.Clone(r.removed), number: r.number, founding: r.founding, begun: r.begun,
		level: r.level, commands: r.commands,
	}
	if next.members == nil {
		next.members = map[ID]Member{}
	}
	if next.removed == nil {
		next.removed = map[ID]Removed{}
	}
	return next
}

// Members returns all members in the order of their ids.
func (r *Registry) Members() []Member {
	return slices.SortedFunc(maps.Values(r.members), func(a, b Member) int {
		return cmp.Compare(a.ID, b.ID)
	})
}

// Len is how many members there are.
func (r *Registry) Len() int { return len(r.members) }

// Member returns the member with the id.
func (r *Registry) Member(id ID) (Member, bool) {
	m, ok := r.members[id]
	return m, ok
}

// RemovedMembers returns the proofs of all removals, in the order of the ids.
func (r *Registry) RemovedMembers() []Removed {
	return slices.SortedFunc(maps.Values(r.removed), func(a, b Removed) int {
		return cmp.Compare(a.ID, b.ID)
	})
}

// WasRemoved tells whether id was removed, and where in the log.
func (r *Registry) WasRemoved(id ID) (Removed, bool) {
	p, ok := r.removed[id]
	return p, ok
}

// Voters returns the ids of the voters in ascending order.
func (r *Registry) Voters() []uint64 { return r.ids(false) }

// Learners returns the ids of the learners in ascending order.
func (r *Registry) Learners() []uint64 { return r.ids(true) }

func (r *Registry) ids(learners bool) []uint64 {
	var ids []uint64
	for _, m := range r.members {
		if m.Learner == learners {
			ids = append(ids, uint64(m.ID))
		}
	}
	slices.Sort(ids)
	return ids
}

// registryJSON is the form in which a registry stands in a snapshot.
type registryJSON struct {
	Members  []Member  `json:"members"`
	Removed  []Removed `json:"removed,omitempty"`
	Number   uint64    `json:"number,omitempty"`
	Founding uint64    `json:"founding,omitempty"`
	Begun    bool      `json:"begun,omitempty"`
	Level    uint64    `json:"level,omitempty"`
	Commands uint32    `json:"command_version,omitempty"`
}

// MarshalJSON implements json.Marshaler. Equal registries give equal bytes.
func (r *Registry) MarshalJSON() ([]byte, error) {
	return json.Marshal(registryJSON{
		Members: r.Members(), Removed: r.RemovedMembers(), Number: r.number, Founding: r.founding, Begun: r.begun, Level: r.level,
		Commands: r.commands,
	})
}

// UnmarshalJSON implements json.Unmarshaler. It takes only what changes can
// have led to: no id twice, none both member and removed. A field that it does not
// know is ErrNewer.
func (r *Registry) UnmarshalJSON(b []byte) error {
	var j registryJSON
	if err := Decode(b, &j); err != nil {
		return err
	}
	next := Registry{members: map[ID]Member{}, removed: map[ID]Removed{}, number: j.Number, founding: j.Founding, begun: j.Begun, level: j.Level, commands: j.Commands}
	for _, p := range j.Removed {
		if _, twice := next.removed[p.ID]; twice || p.ID == 0 {
			return fmt.Errorf("removed member %s: %w", p.ID, ErrInvalid)
		}
		next.removed[p.ID] = p
	}
	for _, m := range j.Members {
		if _, twice := next.members[m.ID]; twice {
			return fmt.Errorf("member %s: %w", m.ID, ErrExists)
		}
		if err := next.checkNew(m); err != nil {
			return err
		}
		m.PeerURLs = slices.Sorted(slices.Values(m.PeerURLs))
		m.Promote = m.Promote && m.Learner
		next.members[m.ID] = m
	}
	*r = next
	return nil
}

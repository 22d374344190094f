package node

import "github.com/pontoon-raft/pontoon/internal/member"

// Kept is the beginning of a snapshot that a member keeps though the rest has not come. It
// says so with its answers to heartbeats, and its leader sends it the rest alone, by whatever
// transport. The zero value is that of none.
type Kept struct {
	// Sum is the SHA-256 of the whole snapshot, by which it is known.
	Sum string
	// Bytes is how many of the beginning there are.
	Bytes uint64
}

// Of is where a snapshot goes on for a member that keeps this; 0 if it has to begin.
func (k Kept) Of(c Content) uint64 {
	if k.Sum == "" || k.Sum != c.Sum || k.Bytes > c.Bytes {
		return 0
	}
	return k.Bytes
}

// SnapshotKept says what this member keeps from now on.
func (c *Core) SnapshotKept(k Kept) { c.kept = k }

// hearKept takes what a peer keeps, by its last word.
func (c *Core) hearKept(from member.ID, k Kept) {
	if p := c.watch.peers[from]; p != nil {
		p.kept = k
	}
}

// takeKept is what a peer keeps, for one snapshot to it. If that fails, the peer has to say
// it again: one that keeps nothing any more would refuse the next one, too.
func (c *Core) takeKept(of member.ID) (k Kept) {
	if p := c.watch.peers[of]; p != nil {
		k, p.kept = p.kept, Kept{}
	}
	return k
}

// SnapshotResumed says that a snapshot of so many bytes goes on at offset. The bytes that the
// peer has kept were not sent in vain.
func (c *Core) SnapshotResumed(id member.ID, offset, of uint64) {
	p := c.watch.peers[id]
	if p == nil || offset <= p.resends.kept {
		return
	}
	r := &p.resends
	r.parts -= min(r.parts, Gone{Read: offset - r.kept, Of: of}.parts())
	r.kept = offset
	if r.parts == 0 {
		r.tries = 0
	}
}

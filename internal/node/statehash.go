package node

import (
	"fmt"
	"maps"
	"slices"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// checkVersion begins the data of an entry that is a check of the state
// (docs/formats/entry.md). A JSON member.Check follows.
const checkVersion = 0xF4

const (
	// maxCheck bounds the data of a check that is read.
	maxCheck = 4 << 10
	// checkElections is how many election timeouts are between two checks at least. While the
	// voters have not said what they have after the last one, it is checkPatience times that.
	checkElections = 10
	checkPatience  = 10
)

// StateHash is the hash of a state machine's state after a check. Name and Value are
// digests: two hashes are compared only if Index and Name are the same. Name is 0 if the
// state machine has no hash, Index while it has hashed nothing.
type StateHash struct{ Index, Name, Value uint64 }

// stateHashes has the hashes of all members' states, as far as a node knows them (ADR 0071).
type stateHashes struct {
	// check is the index of the last check that came out for apply, in the tick at; changed
	// tells that commands came out after it, or that a state machine was started since then,
	// which may have kept or restored another state.
	check, at uint64
	changed   bool
	written   uint64 // the index of the last check that this node proposed in this term
	own       StateHash
	untrusted bool // this member has parted, and is not rebuilt yet
	// agreed is the last that a majority of the voters had in common, as this node as the
	// leader has counted it, or its leader says. split is a check after it at which two voters
	// have different hashes, and no majority the same one; 0 if there is none. It outlasts this
	// node's terms, until a majority has decided or no two of the voters that differ are left.
	agreed  StateHash
	split   uint64
	differs map[uint64]StateHash // the hashes of the voters at split
}

// isCheck tells whether an entry is a check of the state.
func isCheck(data []byte) bool { return len(data) > 0 && data[0] == checkVersion }

// IsCheck tells whether an entry of the log is a check of the state.
func IsCheck(e *storage.Entry) bool {
	return e.Type == pluginv1.EntryType_ENTRY_NORMAL && isCheck(e.Data)
}

func decodeCheck(data []byte) (k member.Check, err error) {
	return k, decodeOwn(data, maxCheck, "check of the state", &k)
}

// SetStateHash says what hash the state machine of this member has, for the others to hear,
// and whether the state and the snapshots here may be given to others.
func (c *Core) SetStateHash(h StateHash, trusted bool) {
	c.hashes.started(c.hashes.own, h)
	c.hashes.own, c.hashes.untrusted = h, !trusted
}

// doubtful tells whether the state of this member is known or feared to be the wrong one. A
// member that got it from a leader might make a majority of it.
func (h *stateHashes) doubtful() bool {
	parted := h.own.Index == h.agreed.Index && h.own.Name == h.agreed.Name && h.own != h.agreed
	return h.split > 0 || h.untrusted || parted
}

// started notes whether a member's state machine was started since it last said its hash.
func (h *stateHashes) started(before, now StateHash) {
	h.changed = h.changed || now.Name != 0 && now.Index == 0 && before != now
}

// noteCheck takes note of a check that comes out for apply.
func (h *stateHashes) noteCheck(index, tick uint64) {
	h.check, h.at, h.changed = index, tick, false
}

// checkStates counts, on a leader, whose states agree, and proposes the next check: if the
// state machine has a hash, and there are others to compare it with, when something came
// out for apply since the last one.
func (c *Core) checkStates() {
	h := &c.hashes
	if !c.leads() || c.registry.Level() < member.StateHashLevel {
		return
	}
	open := h.check > 0 && h.agreed.Index != h.check
	if open {
		c.countHashes()
	}
	if !h.changed || h.own.Name == 0 || c.registry.Len() < 2 || h.written > c.putOut || !c.reigns() || !c.founded() {
		return
	}
	interval := checkElections * uint64(c.cfg.ElectionTicks)
	if open && h.agreed.Index != h.check && h.split != h.check && h.written == h.check {
		interval *= checkPatience // another leader's check may be one that all members had before they were started
	}
	if c.hearing.ticks-h.at < interval {
		return
	}
	if index := c.writeOwn(fmt.Appendf([]byte{checkVersion}, `{}`)); index > 0 {
		h.written = index
	}
	c.collect()
}

// countHashes looks for the hash that a majority of the voters has after the last check, and
// after the one at which they differed: a voter that is late may decide that.
func (c *Core) countHashes() {
	h, voters := &c.hashes, c.registry.Voters()
	if h.split > 0 {
		maps.Copy(h.differs, c.hashesAt(h.split))
		c.agree(majority(h.differs, voters))
	}
	hashes := c.hashesAt(h.check)
	c.agree(majority(hashes, voters))
	if h.agreed.Index != h.check && differ(hashes) && (h.split == 0 || h.split < h.check && !c.isAwaited(h.split)) {
		h.split, h.differs = h.check, hashes
		c.out.StateChanged = true
	}
}

// hashesAt are the hashes of the voters after a check. Those of voters that have not come as
// far are not counted yet.
func (c *Core) hashesAt(check uint64) map[uint64]StateHash {
	hashes := map[uint64]StateHash{}
	for _, id := range c.registry.Voters() {
		if hash := c.hashOf(member.ID(id)); hash.Index == check && hash.Name != 0 {
			hashes[id] = hash
		}
	}
	return hashes
}

// isAwaited tells whether a voter lives that has not come to a check.
func (c *Core) isAwaited(check uint64) bool {
	return slices.ContainsFunc(c.registry.Voters(), func(id uint64) bool {
		hash := c.hashOf(member.ID(id))
		return hash.Name != 0 && hash.Index < check
	})
}

// majority is the hash that more than half of the voters have; without an index if there is
// none.
func majority(hashes map[uint64]StateHash, voters []uint64) StateHash {
	counts := map[StateHash]int{}
	for _, hash := range hashes {
		if counts[hash]++; counts[hash] > len(voters)/2 {
			return hash
		}
	}
	return StateHash{}
}

// differ tells whether two hashes of one name are not the same.
func differ(hashes map[uint64]StateHash) bool {
	values := map[uint64]uint64{} // by name
	for _, h := range hashes {
		if value, known := values[h.Name]; known && value != h.Value {
			return true
		}
		values[h.Name] = h.Value
	}
	return false
}

// left ends the split if a change of the membership has left no two voters that differ.
func (h *stateHashes) left(voters []uint64) {
	maps.DeleteFunc(h.differs, func(id uint64, _ StateHash) bool { return !slices.Contains(voters, id) })
	if !differ(h.differs) {
		h.split = 0
	}
}

// hashOf is the last hash of a member, of another one that which it has announced within an
// election timeout.
func (c *Core) hashOf(id member.ID) StateHash {
	if id == c.cfg.ID {
		return c.hashes.own
	}
	if _, ok := c.levelOf(id); !ok {
		return StateHash{}
	}
	return c.levels.announced[id].hash
}

// agree takes the hash that a majority has.
func (c *Core) agree(hash StateHash) {
	if hash.Index > 0 && hash != c.hashes.agreed {
		c.hashes.agreed, c.out.StateChanged = hash, true
		if hash.Index >= c.hashes.split {
			c.hashes.split, c.hashes.differs = 0, nil
		}
	}
}

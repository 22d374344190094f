package node

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// BootRegistry is the membership that a node knows before it runs: that of the
// newest snapshot, of the entries that are known to be committed, and of the
// members that it is about to begin a cluster with. index is that of the last
// entry which is in it.
func BootRegistry(cfg Config) (r *member.Registry, index uint64, err error) {
	cfg = cfg.withDefaults()
	if cfg.State.LastIndex == 0 && cfg.State.HardState == (storage.HardState{}) {
		r, err = foundingRegistry(cfg.Registry, cfg.Bootstrap)
		return r, uint64(len(cfg.Bootstrap)), err
	}
	start, registry := cfg.start()
	index = min(max(cfg.State.HardState.Commit, start), start+uint64(len(cfg.Entries)))
	r, err = ReplayMembership(registry, cfg.Entries[:index-start])
	return r, index, err
}

// foundingRegistry is the membership after the founding entries.
func foundingRegistry(r *member.Registry, members []member.Member) (_ *member.Registry, err error) {
	for i, m := range members {
		// Raft takes them as they are; the registry must take them too.
		if r, err = r.Apply(member.Change{Op: member.Add, Member: m}, uint64(i+1), 1); err != nil {
			return nil, fmt.Errorf("bootstrap: %w", err)
		}
		if i > 0 && members[i-1].ID >= m.ID {
			return nil, fmt.Errorf("bootstrap members must ascend: %s after %s", m.ID, members[i-1].ID)
		}
	}
	return r, nil
}

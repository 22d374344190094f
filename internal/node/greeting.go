package node

import (
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Greeting is what a member shows its peers. The hash of the founding is shown
// only when it is final, or when this member began the log itself (founder), with
// all founding entries at once: one that is being caught up may have some of
// them and not yet all.
func Greeting(store uint64, registry *member.Registry, founder bool) transport.Greeting {
	g := transport.Greeting{Store: store, Number: registry.Number(), Voters: uint64(len(registry.Voters()))}
	if registry.Begun() || founder {
		g.Founding = registry.Founding()
	}
	return g
}

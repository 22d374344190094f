package catalog

import (
	"fmt"
	"slices"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/frames"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Capabilities are those of plugins that this host makes use of. Plugins may require
// them, and are told of them when they are opened. A new one belongs here.
func Capabilities() []plugins.Capability {
	return []plugins.Capability{
		frames.Capability,
		plugins.CapabilityBusy,
		plugins.CapabilityLeadership,
		statemachine.CapabilityDurable,
		statemachine.CapabilityQueryStreams,
		statemachine.CapabilityTimers,
		storage.CapabilitySpace,
		transport.CapabilityPing,
	}
}

// checkRequires refuses a plugin that requires what this host does not do: it would be
// less than it promises, and no error would say so.
func checkRequires(info plugins.Info) error {
	for _, c := range info.Requires {
		if !slices.Contains(Capabilities(), c) {
			return misconfigured{fmt.Errorf("requires a host that knows the capability %q, and this one does not: use a newer host, or an older version of the plugin", string(c))}
		}
	}
	return nil
}

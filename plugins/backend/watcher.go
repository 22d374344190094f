package backend

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
)

// Watcher is backend b, which describes itself as info, as one that is told who leads; nil
// if it does not announce plugins.CapabilityLeadership. The error says that it announces
// that and is not one.
func Watcher(b any, info plugins.Info) (plugins.LeadershipWatcher, error) {
	if !info.Has(plugins.CapabilityLeadership) {
		return nil, nil
	}
	w, ok := b.(plugins.LeadershipWatcher)
	if !ok {
		return nil, fmt.Errorf("%s %q announces the capability %s and is not a plugins.LeadershipWatcher", info.Kind, info.Name, plugins.CapabilityLeadership)
	}
	return w, nil
}

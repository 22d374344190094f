package backend

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
)

// Reporter is what backend b, which describes itself as info, says of its work; nil if it does
// not announce plugins.CapabilityBusy. The error says that it announces that and is not a
// plugins.BusyReporter.
func Reporter(b any, info plugins.Info) (func() plugins.Busy, error) {
	if !info.Has(plugins.CapabilityBusy) {
		return nil, nil
	}
	r, ok := b.(plugins.BusyReporter)
	if !ok {
		return nil, fmt.Errorf("%s %q announces the capability %s and is not a plugins.BusyReporter", info.Kind, info.Name, plugins.CapabilityBusy)
	}
	return r.Busy, nil
}

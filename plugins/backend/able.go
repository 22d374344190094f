package backend

import (
	"fmt"
	"reflect"

	"github.com/pontoon-raft/pontoon/plugins"
)

// able is backend b, which describes itself as info, as a T; nil if it does not announce the
// capability for that. The error says that it announces the capability and is not a T.
func able[T any](b any, info plugins.Info, c plugins.Capability) (as T, err error) {
	if !info.Has(c) {
		return as, nil
	}
	as, ok := b.(T)
	if !ok {
		err = fmt.Errorf("%s %q announces the capability %s and is not a %v", info.Kind, info.Name, c, reflect.TypeFor[T]())
	}
	return as, err
}

// Reporter is what backend b, which describes itself as info, says of its work; nil if it does
// not announce plugins.CapabilityBusy. The error says that it announces that and is not a
// plugins.BusyReporter.
func Reporter(b any, info plugins.Info) (func() plugins.Busy, error) {
	r, err := able[plugins.BusyReporter](b, info, plugins.CapabilityBusy)
	if r == nil {
		return nil, err
	}
	return r.Busy, nil
}

// Watcher is backend b, which describes itself as info, as one that is told who leads; nil
// if it does not announce plugins.CapabilityLeadership. The error says that it announces
// that and is not one.
func Watcher(b any, info plugins.Info) (plugins.LeadershipWatcher, error) {
	return able[plugins.LeadershipWatcher](b, info, plugins.CapabilityLeadership)
}

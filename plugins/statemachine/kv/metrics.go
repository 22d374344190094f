package kv

import (
	"fmt"
	"io"
)

// WriteMetrics implements sdk.MetricsWriter.
func (m *machine) WriteMetrics(w io.Writer) error {
	s := m.size()
	_, err := fmt.Fprintf(w, `# HELP pontoon_statemachine_kv_keys Keys in the store.
# TYPE pontoon_statemachine_kv_keys gauge
pontoon_statemachine_kv_keys %d
# HELP pontoon_statemachine_kv_revision Revision of the store's last change.
# TYPE pontoon_statemachine_kv_revision gauge
pontoon_statemachine_kv_revision %d
# HELP pontoon_statemachine_kv_streams Ranges in chunks that are under way; each holds a state of the store.
# TYPE pontoon_statemachine_kv_streams gauge
pontoon_statemachine_kv_streams %d
# HELP pontoon_statemachine_kv_watches Watches that are under way.
# TYPE pontoon_statemachine_kv_watches gauge
pontoon_statemachine_kv_watches %d
# HELP pontoon_statemachine_kv_history_events Events that are kept for watches.
# TYPE pontoon_statemachine_kv_history_events gauge
pontoon_statemachine_kv_history_events %d
# HELP pontoon_statemachine_kv_history_bytes Bytes of the events that are kept for watches.
# TYPE pontoon_statemachine_kv_history_bytes gauge
pontoon_statemachine_kv_history_bytes %d
`, s.keys, s.revision, m.streams.Load(), s.watches, s.events, s.eventBytes)
	return err
}

// sizes are what the metrics say.
type sizes struct {
	keys, watches, events int
	revision, eventBytes  uint64
}

// size returns zeros before Open and after Close.
func (m *machine) size() sizes {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.usable() != nil {
		return sizes{}
	}
	s := &m.store
	return sizes{
		keys: s.keys.Len(), watches: len(m.watches), events: s.history.count,
		revision: s.revision, eventBytes: s.history.bytes,
	}
}

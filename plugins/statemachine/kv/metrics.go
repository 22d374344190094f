package kv

import (
	"fmt"
	"io"
)

// WriteMetrics implements sdk.MetricsWriter.
func (m *machine) WriteMetrics(w io.Writer) error {
	keys, revision := m.size()
	_, err := fmt.Fprintf(w, `# HELP pontoon_statemachine_kv_keys Keys in the store.
# TYPE pontoon_statemachine_kv_keys gauge
pontoon_statemachine_kv_keys %d
# HELP pontoon_statemachine_kv_revision Revision of the store's last change.
# TYPE pontoon_statemachine_kv_revision gauge
pontoon_statemachine_kv_revision %d
# HELP pontoon_statemachine_kv_streams Answers in chunks that are under way; each holds a state of the store.
# TYPE pontoon_statemachine_kv_streams gauge
pontoon_statemachine_kv_streams %d
`, keys, revision, m.streams.Load())
	return err
}

// size returns zeros before Open and after Close.
func (m *machine) size() (keys int, revision uint64) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.usable() != nil {
		return 0, 0
	}
	return m.store.keys.Len(), m.store.revision
}

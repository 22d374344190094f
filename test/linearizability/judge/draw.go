package judge

import (
	"fmt"

	"github.com/anishathalye/porcupine"

	"github.com/pontoon-raft/pontoon/test/linearizability/history"
)

// Draw draws the operations of the first key of a verdict whose answers no order
// explains, into an HTML file.
func Draw(operations []history.Operation, v *Verdict, path string) error {
	for _, violation := range v.Violations {
		if violation.Rule != Linearizable {
			continue
		}
		w := collect(operations, &Verdict{})
		w.checkSeen(&Verdict{})
		m := model()
		_, info := porcupine.CheckOperationsVerbose(m, w.byKey()[violation.Key], patience)
		if err := porcupine.VisualizePath(m, info, path); err != nil {
			return fmt.Errorf("draw key %s into %s: %w", violation.Key, path, err)
		}
		return nil
	}
	return fmt.Errorf("no key is to be drawn: an order explains the answers of each")
}

package storagetest

import (
	"fmt"
	"strings"
	"testing"
)

// RunModel does operations, as the model prints them, and compares after each.
func (h Harness) RunModel(t *testing.T, operations ...string) {
	m := &model{se: h.start(t)}
	for _, text := range operations {
		var o operation
		kind, numbers, _ := strings.Cut(text, "(")
		if _, err := fmt.Sscanf(numbers, "%d,%d)", &o.A, &o.B); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		o.Kind = kind
		m.run(o)
		m.check()
	}
}

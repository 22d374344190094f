package pace

import (
	"testing"
	"time"
)

// A Deadline without a timeout is never set: it would be over at once.
func TestADeadlineWithoutATimeoutIsNeverSet(t *testing.T) {
	d := Deadline{Set: func(at time.Time) error {
		t.Errorf("set to %v", at)
		return nil
	}}
	if err := d.Extend(); err != nil {
		t.Fatal(err)
	}
}

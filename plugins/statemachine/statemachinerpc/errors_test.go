package statemachinerpc

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

func TestEverySentinelCrossesTheConnection(t *testing.T) {
	table := errorTable()
	mapped := map[error]bool{}
	reasons := map[string]bool{}
	for _, m := range table.Mappings() {
		err := fmt.Errorf("query 17: %w", m.Err)
		got := table.Error(context.Background(), table.Status(err))
		if !errors.Is(got, m.Err) || got.Error() != err.Error() {
			t.Errorf("%v arrived as %v", err, got)
		}
		if reasons[m.Reason] {
			t.Errorf("reason %s of %v is not its own", m.Reason, m.Err)
		}
		mapped[m.Err], reasons[m.Reason] = true, true
	}
	for _, err := range []error{statemachine.ErrInvalidQuery, statemachine.ErrBadSnapshot, statemachine.ErrNoQueryStreams, statemachine.ErrTooManyStreams} {
		if !mapped[err] {
			t.Errorf("%v is not in the table", err)
		}
	}
}

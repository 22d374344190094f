package statemachinerpc

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// The page for authors has the bounds of this package.
func TestThePageHasTheBounds(t *testing.T) {
	rpctest.CheckWords(t, "protocol-statemachine.md",
		fmt.Sprintf("at most %d requests unanswered", window),
		fmt.Sprintf("more than %d entries", plugins.MaxBatchEntries),
		fmt.Sprintf("at most %d MiB together", plugins.MaxResultBytes>>20),
		fmt.Sprintf("beyond %d MiB of results", plugins.MaxHeldResultBytes>>20),
		fmt.Sprintf("at most %d such calls", statemachine.MaxQueryStreams),
		fmt.Sprintf("%d in all", maxRunning),
		fmt.Sprintf("make a %dth", maxPrepared+1),
		fmt.Sprintf("at most %d, with prefixes of at most %d bytes", statemachine.MaxClasses, statemachine.MaxClassBytes),
	)
}

// Rule P-35.
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
	rpctest.CheckOwnReasons(t, "protocol-statemachine.md", table)
	for _, err := range []error{statemachine.ErrInvalidQuery, statemachine.ErrBadSnapshot, statemachine.ErrNoQueryStreams, statemachine.ErrTooManyStreams} {
		if !mapped[err] {
			t.Errorf("%v is not in the table", err)
		}
	}
}

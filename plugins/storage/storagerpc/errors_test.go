package storagerpc

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// The page for authors has the bounds of this package.
func TestThePageHasTheBounds(t *testing.T) {
	rpctest.CheckWords(t, "protocol-storage.md",
		fmt.Sprintf("at most %d. None is beyond", maxSnapshots),
		fmt.Sprintf("each has at most %d KiB", maxLockedField>>10),
		fmt.Sprintf("at most %d bytes", storage.MaxSpaceDetail),
	)
}

// Rule P-35.
func TestEverySentinelCrossesTheConnection(t *testing.T) {
	table := errorTable()
	mapped := map[error]string{}
	for _, m := range table.Mappings() {
		err := fmt.Errorf("append entries [17,20]: %w", m.Err)
		got := table.Error(context.Background(), table.Status(err))
		if !errors.Is(got, m.Err) || got.Error() != err.Error() {
			t.Errorf("%v arrived as %v", err, got)
		}
		mapped[m.Err] = m.Reason
	}
	rpctest.CheckOwnReasons(t, "protocol-storage.md", table)
	for _, err := range []error{
		storage.ErrLocked, storage.ErrCorrupt, storage.ErrCompacted,
		storage.ErrUnavailable, storage.ErrNoSnapshot, storage.ErrNoSpace,
	} {
		if mapped[err] == "" {
			t.Errorf("%v is not in the table", err)
		}
	}
	reasons := map[string]bool{}
	for err, reason := range mapped {
		if reasons[reason] {
			t.Errorf("reason %s of %v is not its own", reason, err)
		}
		reasons[reason] = true
	}
}

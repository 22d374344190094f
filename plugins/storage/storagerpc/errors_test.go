package storagerpc

import (
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
	rpctest.CheckTable(t, "protocol-storage.md", errorTable(),
		storage.ErrLocked, storage.ErrCorrupt, storage.ErrCompacted, storage.ErrUnavailable, storage.ErrNoSnapshot, storage.ErrNoSpace)
}

package statemachinerpc

import (
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
	rpctest.CheckTable(t, "protocol-statemachine.md", errorTable(),
		statemachine.ErrInvalidQuery, statemachine.ErrBadSnapshot, statemachine.ErrNoQueryStreams, statemachine.ErrTooManyStreams)
}

package transportrpc

import (
	"fmt"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// The page for authors has the bounds of this package.
func TestThePageHasTheBounds(t *testing.T) {
	rpctest.CheckWords(t, "protocol-transport.md",
		fmt.Sprintf("1 to %d bytes of printable text", maxAddress),
		fmt.Sprintf("at most %d events, with a `detail` of at most %d KiB", maxEvents, maxDetail>>10),
		fmt.Sprintf("At most %d SHOULD wait", maxReceiving),
		fmt.Sprintf("%d KiB of an arriving snapshot MUST come in each 30 s and two election timeouts, with up to %d MiB", paceStep>>10, paceStep*paceSteps>>20),
		fmt.Sprintf("within %d election timeouts", offerElections),
	)
}

// Rule P-35.
func TestEverySentinelCrossesTheConnection(t *testing.T) {
	rpctest.CheckTable(t, "protocol-transport.md", errorTable(),
		transport.ErrAddressInUse, transport.ErrUnknownPeer, transport.ErrUnreachable, transport.ErrSnapshotRefused)
}

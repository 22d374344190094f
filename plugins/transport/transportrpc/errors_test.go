package transportrpc

import (
	"context"
	"errors"
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
	table := errorTable()
	mapped := map[error]bool{}
	reasons := map[string]bool{}
	for _, m := range table.Mappings() {
		err := fmt.Errorf("send to 17: %w", m.Err)
		got := table.Error(context.Background(), table.Status(err))
		if !errors.Is(got, m.Err) || got.Error() != err.Error() {
			t.Errorf("%v arrived as %v", err, got)
		}
		if reasons[m.Reason] {
			t.Errorf("reason %s of %v is not its own", m.Reason, m.Err)
		}
		mapped[m.Err], reasons[m.Reason] = true, true
	}
	rpctest.CheckOwnReasons(t, "protocol-transport.md", table)
	for _, err := range []error{
		transport.ErrAddressInUse, transport.ErrUnknownPeer, transport.ErrUnreachable, transport.ErrSnapshotRefused,
	} {
		if !mapped[err] {
			t.Errorf("%v is not in the table", err)
		}
	}
}

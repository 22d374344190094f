package pluginrpc_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
)

// The page for authors has each reason with its code, and the sizes.
func TestThePageHasReasonsAndSizes(t *testing.T) {
	rpctest.CheckReasons(t, "protocol.md", pluginrpc.Common())
	largest := plugins.ProtocolLimits(0, 0).MaxMessageBytes()
	rpctest.CheckWords(t, "protocol.md",
		fmt.Sprintf("that is %d,%03d,%03d bytes", largest/1_000_000, largest/1000%1000, largest%1000),
		fmt.Sprintf("an entry of %d MiB and %d KiB, a batch of %d MiB, a chunk of %d MiB",
			plugins.MaxValueBytes>>20, plugins.EntryHeaderBytes>>10, plugins.MaxBatchBytes>>20, plugins.MaxChunkBytes>>20),
		fmt.Sprintf("over %d MiB", pluginrpc.MaxMessageBytes>>20), "`"+pluginrpc.Domain+"`",
	)
}

// The page for authors has the room for elements of an answer. Rule P-34.
func TestThePageHasTheRoomForElements(t *testing.T) {
	times := map[int]string{3: "three"}[pluginrpc.ElementsPerLen]
	rpctest.CheckWords(t, "protocol.md",
		fmt.Sprintf("An answer of %d KiB or more", pluginrpc.WeighedFrom>>10),
		fmt.Sprintf("%d MiB and %s times the message's bytes", pluginrpc.ElementRoom>>20, times),
		fmt.Sprintf("up to %d bytes. %d,%03d elements are always taken",
			pluginrpc.ElementBytes, pluginrpc.ElementsTaken/1000, pluginrpc.ElementsTaken%1000),
	)
}

// The trailer that the page shows is the one that is sent.
func TestThePageShowsATrailer(t *testing.T) {
	none := errors.New("none")
	table := pluginrpc.NewTable(pluginrpc.Mapping{Err: none, Code: codes.NotFound, Reason: "NO_SNAPSHOT"})
	details, err := proto.Marshal(status.Convert(table.Status(none)).Proto())
	if err != nil {
		t.Fatal(err)
	}
	if want := "grpc-status-details-bin: " + base64.RawStdEncoding.EncodeToString(details) + "\n"; !strings.Contains(rpctest.Page(t, "protocol.md"), want) {
		t.Errorf("the page does not show %s", want)
	}
}

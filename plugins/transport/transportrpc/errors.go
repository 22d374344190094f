package transportrpc

import (
	"google.golang.org/grpc/codes"

	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// errorTable says how the errors of package transport travel.
func errorTable() *pluginrpc.Table {
	return pluginrpc.NewTable(
		pluginrpc.Mapping{Err: transport.ErrAddressInUse, Code: codes.FailedPrecondition, Reason: "ADDRESS_IN_USE"},
		pluginrpc.Mapping{Err: transport.ErrUnknownPeer, Code: codes.NotFound, Reason: "UNKNOWN_PEER"},
		pluginrpc.Mapping{Err: transport.ErrUnreachable, Code: codes.Unavailable, Reason: "PEER_UNREACHABLE"},
		pluginrpc.Mapping{Err: transport.ErrSnapshotRefused, Code: codes.Aborted, Reason: "SNAPSHOT_REFUSED"},
		pluginrpc.Mapping{Err: transport.ErrCannotPing, Code: codes.Unimplemented, Reason: "CANNOT_PING"},
	)
}

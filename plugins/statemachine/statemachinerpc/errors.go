package statemachinerpc

import (
	"google.golang.org/grpc/codes"

	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// errorTable says how the errors of package statemachine travel.
func errorTable() *pluginrpc.Table {
	return pluginrpc.NewTable(
		pluginrpc.Mapping{Err: statemachine.ErrInvalidQuery, Code: codes.InvalidArgument, Reason: "INVALID_QUERY"},
		pluginrpc.Mapping{Err: statemachine.ErrBadSnapshot, Code: codes.DataLoss, Reason: "BAD_SNAPSHOT"},
		pluginrpc.Mapping{Err: statemachine.ErrNoQueryStreams, Code: codes.Unimplemented, Reason: "NO_QUERY_STREAMS"},
		pluginrpc.Mapping{Err: statemachine.ErrTooManyStreams, Code: codes.ResourceExhausted, Reason: "TOO_MANY_STREAMS"},
	)
}

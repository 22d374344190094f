package storagerpc

import (
	"errors"

	"google.golang.org/grpc/codes"

	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// errorTable says how the errors of package storage travel.
func errorTable() *pluginrpc.Table {
	return pluginrpc.NewTable(
		pluginrpc.Mapping{Err: storage.ErrLocked, Code: codes.FailedPrecondition, Reason: "LOCKED", Encode: encodeLocked, Decode: decodeLocked},
		pluginrpc.Mapping{Err: storage.ErrCorrupt, Code: codes.DataLoss, Reason: "CORRUPT"},
		pluginrpc.Mapping{Err: storage.ErrCompacted, Code: codes.OutOfRange, Reason: "COMPACTED"},
		pluginrpc.Mapping{Err: storage.ErrUnavailable, Code: codes.OutOfRange, Reason: "ENTRIES_UNAVAILABLE"},
		pluginrpc.Mapping{Err: storage.ErrNoSnapshot, Code: codes.NotFound, Reason: "NO_SNAPSHOT"},
		pluginrpc.Mapping{Err: storage.ErrNoSpace, Code: codes.ResourceExhausted, Reason: "NO_SPACE"},
	)
}

// maxLockedField bounds what a LockedError carries; paths are shorter.
const maxLockedField = 4096

func encodeLocked(err error) map[string]string {
	var locked *storage.LockedError
	if !errors.As(err, &locked) {
		return nil
	}
	return map[string]string{
		"path":   locked.Path[:min(len(locked.Path), maxLockedField)],
		"holder": locked.Holder[:min(len(locked.Holder), maxLockedField)],
	}
}

func decodeLocked(fields map[string]string) error {
	return &storage.LockedError{Path: fields["path"], Holder: fields["holder"]}
}

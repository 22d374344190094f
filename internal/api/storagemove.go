package api

import (
	"context"
	"time"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// mostPluginName is how long the name of a plugin is at the most.
const mostPluginName = 63

// MoveStorage implements hostv1.HostServer.
func (r *requests) MoveStorage(ctx context.Context, req *hostv1.MoveStorageRequest) (*hostv1.MoveStorageResponse, error) {
	if err := r.end.refusal(); err != nil {
		return nil, err
	}
	if len(req.GetTo()) > mostPluginName {
		return nil, malformed("no plugin has a name of more than 63 letters")
	}
	m, err := r.svc.MoveStorage(ctx, server.StorageMoveRequest{To: req.GetTo(), Force: req.GetForce()})
	if err != nil {
		return nil, err
	}
	return &hostv1.MoveStorageResponse{Move: toStorageMove(&m), Unchanged: m.Unchanged}, nil
}

func toStorageMove(m *server.StorageMove) *hostv1.StorageMove {
	if m == nil {
		return nil
	}
	return &hostv1.StorageMove{
		From: text(m.From), To: text(m.To), Phase: m.Phase, Entries: m.Entries, EntriesTotal: m.EntriesTotal, Bytes: m.Bytes,
		ForMs: uint64(max(0, m.For/time.Millisecond)), Left: text(m.Left), Error: text(m.Error),
	}
}

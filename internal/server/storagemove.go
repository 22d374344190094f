package server

import (
	"context"
	"time"
)

// A StorageMoveRequest asks a member to move its store to another storage.
type StorageMoveRequest struct {
	// To is the name that the next storage has in the configuration of the member; any if
	// empty.
	To string
	// Force moves the store of the only voter too: the cluster answers nothing meanwhile.
	Force bool
}

// A StorageMove is a move of the store of a member from one storage to another.
type StorageMove struct {
	From, To string
	// Phase is preparing, copying, comparing, switching, opening, done or failed.
	Phase string
	// Entries of EntriesTotal, and so many bytes, were copied or compared in this phase.
	Entries, EntriesTotal, Bytes uint64
	// For is how long it takes, or took.
	For time.Duration
	// Left is the folder in the data directory where the store before is, or will be.
	Left string
	// Error is why it failed; the store before goes on then. Empty otherwise.
	Error string
	// Unchanged: the store had been moved before, and nothing was done.
	Unchanged bool
}

// MoveStorage implements Service.
func (s *Server) MoveStorage(ctx context.Context, ask StorageMoveRequest) (StorageMove, error) {
	if s.cfg.MoveStorage == nil {
		return StorageMove{}, &Error{Err: ErrUnknownPlugin}
	}
	return s.cfg.MoveStorage(ctx, ask)
}

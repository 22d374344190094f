package server

import (
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// errOtherFormat: a snapshot is of a format that the state machine does not read.
var errOtherFormat = errors.New("start this member with a plugin that reads it")

// CheckFormat refuses a snapshot of a format that the state machine has not announced; nil
// before there is one. The error is a statemachine.ErrBadSnapshot, as that of a state
// machine that finds it out in Restore.
func (s *Server) CheckFormat(h *SnapshotHeader) error {
	if info := s.info.Load(); info != nil {
		return checkFormat(info, h)
	}
	return nil
}

func checkFormat(info *plugins.Info, h *SnapshotHeader) error {
	if info.SnapshotFormats.Reads(h.Format) {
		return nil
	}
	return fmt.Errorf("%w: it is of format %d, and %s of version %q reads %s: %w",
		statemachine.ErrBadSnapshot, h.Format, info.Name, info.Version, info.SnapshotFormats, errOtherFormat)
}

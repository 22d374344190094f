package wal

import (
	"context"
	"errors"
)

// kill ends the store as kill -9 ends a process: nothing more is written, and
// the lock is free.
func (s *store) kill() {
	_ = s.journal.poison.Fail(errors.New("the process was killed"))
	_ = s.Close(context.Background())
}

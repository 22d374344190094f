package wal

import (
	"context"
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Space implements storage.SpaceReporter. It waits for no lock that is held
// while something is written.
func (s *store) Space(ctx context.Context) (storage.Space, error) {
	if err := s.enterWith(ctx); err != nil {
		return storage.Space{}, err
	}
	defer s.leave()
	return s.journal.space()
}

// space is what the log is short of. What did not fit is tried again by the
// background, which is woken here: a host that is told of it appends nothing
// that would.
func (j *journal) space() (storage.Space, error) {
	missing := ""
	switch {
	case j.prepare.full.Load():
		missing = "the next log segment does not fit"
	case j.reserve.full.Load():
		missing = fmt.Sprintf("the %d bytes of reserve_bytes are spent or do not fit", j.config.reserveBytes())
	}
	if missing != "" {
		j.upkeep.nudge()
		return storage.Space{Short: true, Detail: missing}, nil
	}
	least := j.config.MinFreeBytes
	if least == 0 {
		return storage.Space{}, nil
	}
	free, err := j.fs.Free()
	if err != nil {
		return storage.Space{}, fmt.Errorf("free space: %w", err)
	}
	if j.underFloor.Load() {
		least += least / floorMargin // not back and forth with every file that comes and goes
	}
	short := free < least
	j.underFloor.Store(short)
	if !short {
		return storage.Space{}, nil
	}
	return storage.Space{Short: true, Detail: fmt.Sprintf("%d bytes are free, min_free_bytes is %d", free, j.config.MinFreeBytes)}, nil
}

// floorMargin: a store that is short is well again when a tenth more than
// min_free_bytes is free.
const floorMargin = 10

// checkFloor refuses a min_free_bytes that could never be acted on.
func (j *journal) checkFloor() error {
	if j.config.MinFreeBytes == 0 {
		return nil
	}
	if _, err := j.fs.Free(); errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("%w: min_free_bytes: %w", plugins.ErrInvalidConfig, err)
	}
	return nil
}

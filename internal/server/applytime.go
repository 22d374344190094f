package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// lostTime says that the time of what the state machine has is in no log any more: a
// snapshot at index, which this member has, has taken the place of that.
type lostTime struct{ index uint64 }

func (l lostTime) Error() string {
	return fmt.Sprintf("the log that has the time is gone, snapshot %d has a later one", l.index)
}

// knowTime sees to it that the time of what the state machine has is known, before it is
// given the first entries. One that has kept its state and whose log is gone is brought to
// the snapshot that replaced the log; entries that come before that wait in memory, and are
// only acknowledged then.
func (d *driver) knowTime() error {
	if d.timed {
		return nil
	}
	err := d.bring(d.at, true)
	lost := lostTime{}
	if !errors.As(err, &lost) {
		return err
	}
	if err := d.closeApplier(); err != nil {
		return err
	}
	if err := d.bringTo(lost.index); err != nil {
		return err
	}
	return d.open()
}

// findTime finds the time of the last entry that the state machine has, and the command
// version there, of one that kept its state itself: they are those of the newest snapshot
// before, or a later stamp and a later switch in the log.
// One that was restored, or that begins with nothing, has its time by that. It is not done
// before there are entries to give: the log may not reach back to a state machine that is
// restored next.
func (d *driver) findTime(ctx context.Context, st storage.Storage, snapshots []storage.SnapshotInfo) error {
	if d.timed {
		return nil
	}
	base, time, version, damaged := uint64(0), uint64(0), uint32(0), false
	for i := len(snapshots) - 1; i >= 0; i-- {
		index := snapshots[i].Metadata.Index
		if index > d.at {
			continue
		}
		header, err := d.readSnapshotHeader(ctx, st, index)
		if isDamage(err) {
			damaged = true
			continue
		}
		if err != nil {
			return err
		}
		base, time, version = index, header.Time, header.Registry.CommandVersion()
		break
	}
	for base < d.at {
		entries, err := d.readMeanwhile(st, base+1, d.at)
		if n := len(snapshots); errors.Is(err, storage.ErrCompacted) && n > 0 && snapshots[n-1].Metadata.Index > d.at && !d.s.useless[snapshots[n-1].Metadata.Index] {
			return lostTime{snapshots[n-1].Metadata.Index}
		}
		if damaged && errors.Is(err, storage.ErrCompacted) { // no later look finds more
			return helpless{error: err, newest: d.at}
		}
		if err != nil {
			return err
		}
		d.reading.over()
		commands, err := node.Commands(entries)
		if err != nil {
			return storageError{fmt.Errorf("%w: %w", storage.ErrCorrupt, err)}
		}
		base, time, version = entries[len(entries)-1].Index, node.Time(time, commands), max(version, node.LastSwitch(entries))
	}
	if version > d.commands.Greatest {
		return d.otherVersion("its state is of command version %d", version)
	}
	d.time, d.version, d.timed = time, version, true
	return nil
}

// readSnapshotHeader reads the header of a snapshot that the state machine is not
// restored from.
func (d *driver) readSnapshotHeader(ctx context.Context, st storage.Storage, index uint64) (*SnapshotHeader, error) {
	r, err := d.openSnapshot(ctx, st, index)
	if err != nil {
		return nil, storageError{fmt.Errorf("open snapshot %d: %w", index, err)}
	}
	source := &snapshotSource{d: d, ctx: ctx, index: index, r: r, size: r.Info().Bytes}
	defer source.close()
	header, err := ReadSnapshotHeader(source)
	if err != nil {
		if source.err == nil {
			err = fmt.Errorf("%w: %w", storage.ErrCorrupt, err)
		}
		return nil, storageError{fmt.Errorf("snapshot %d: %w", index, err)}
	}
	return header, nil
}

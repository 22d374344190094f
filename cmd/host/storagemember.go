package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/bytesize"
)

// silencePatience is for how long a member whose store is moved may not answer: its host may
// be started again.
const silencePatience = time.Minute

// errMovedBack: the move of a member has not come to its end.
var errMovedBack = errors.New("its store was not moved, and the one before is in force")

// move has a member move its store, or follows a move that is under way, and returns when the
// member runs with the new one.
func (r *rollingMigration) move(ctx context.Context, m *migrating) (moved migratedMember, err error) {
	if !m.isUnderWay() {
		answer, err := r.c.MoveStorage(ctx, m.row.Endpoint, &hostv1.MoveStorageRequest{To: r.to, Force: r.force})
		if err != nil {
			return moved, err
		}
		if answer.GetUnchanged() {
			return migratedMember{ID: m.id(), Name: m.row.Member.GetName(), From: r.to, To: r.to, Unchanged: true}, nil
		}
	}
	defer r.shown.clear()
	phase, heard := "", time.Now()
	for {
		st, err := r.c.Status(ctx, m.row.Endpoint)
		now := &migrating{m.row}
		now.row.Status = st
		switch {
		case ctx.Err() != nil:
			return moved, fmt.Errorf("%w; its host goes on with the move, and the same command follows it", ctx.Err())
		case err != nil && time.Since(heard) > silencePatience:
			return moved, fmt.Errorf("it has not answered for %v: %w", silencePatience, err)
		case err != nil:
		case now.isUnderWay():
			heard = time.Now()
			r.tell(m, st.GetStorageMove(), phase)
			phase = st.GetStorageMove().GetPhase()
		case now.isDone(r.to):
			return r.migrated(m, st.GetStorageMove()), nil
		default:
			return moved, fmt.Errorf("%w: %s", errMovedBack, printable(whyNot(st.GetStorageMove())))
		}
		sleep(ctx, migrationLook)
	}
}

// migrated is how a move has ended well. A host that was started again meanwhile does not
// know the numbers any more.
func (r *rollingMigration) migrated(m *migrating, move *hostv1.StorageMove) migratedMember {
	return migratedMember{
		ID: m.id(), Name: m.row.Member.GetName(), From: cmp.Or(move.GetFrom(), m.storage().GetName()), To: r.to,
		Entries: move.GetEntries(), Bytes: move.GetBytes(), ForMs: move.GetForMs(), Left: move.GetLeft(),
	}
}

func whyNot(move *hostv1.StorageMove) string {
	if move.GetError() == "" {
		return "its host was started again meanwhile; run the command again"
	}
	return move.GetError()
}

// tell shows how far a move is: on a terminal all the time, and elsewhere each phase once.
func (r *rollingMigration) tell(m *migrating, move *hostv1.StorageMove, before string) {
	rate := uint64(0)
	if ms := move.GetForMs(); ms > 0 {
		rate = move.GetBytes() * 1000 / ms
	}
	r.shown.show("member %s: %s %s to %s: %d of %d entries, %s, %s/s", m.name(), printable(move.GetPhase()), printable(move.GetFrom()), printable(move.GetTo()),
		move.GetEntries(), move.GetEntriesTotal(), bytesize.Format(move.GetBytes()), bytesize.Format(rate))
	if r.shown.w == nil && move.GetPhase() != before {
		fmt.Fprintf(r.cmd.ErrOrStderr(), "member %s: %s %s to %s\n", m.name(), printable(move.GetPhase()), printable(move.GetFrom()), printable(move.GetTo()))
	}
}

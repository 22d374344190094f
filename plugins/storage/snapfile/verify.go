package snapfile

import (
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/corruption"
)

// damagedFile is a visible snapshot that is of no use; its name counts all the same:
// no crash gives a name to a snapshot that the log does not reach.
type damagedFile struct {
	name fileName
	err  error
}

// verify compares the snapshots with the log. Acknowledged entries are there if a
// snapshot that is whole reaches to where the log begins, and no snapshot was of more
// than the log has.
func (sh *Shelf) verify(state storage.State) error {
	newest := uint64(0)
	if n := len(sh.visible); n > 0 {
		newest = sh.visible[n-1].name.Index
		if err := withinLog(sh.visible[n-1].name, state); err != nil {
			return err
		}
	}
	for _, d := range sh.damaged {
		if err := withinLog(d.name, state); err != nil {
			return errors.Join(err, d.err)
		}
	}
	if first := state.FirstIndex; newest < first-1 {
		return sh.unreachable(newest, first)
	}
	return nil
}

func withinLog(n fileName, state storage.State) error {
	if n.Index > state.LastIndex {
		return corruption.At(n.String(), 0, "it is a snapshot at %d, but the log ends at %d: entries are missing", n.Index, state.LastIndex)
	}
	return nil
}

// unreachable is the error of a log whose beginning no snapshot reaches. It names the
// files that did.
func (sh *Shelf) unreachable(newest, first uint64) error {
	why := "there is none"
	if newest > 0 {
		why = fmt.Sprintf("the newest is at %d", newest)
	}
	way := corruption.WayOut
	for _, d := range sh.damaged {
		if d.name.Index >= first-1 {
			why += fmt.Sprintf("; %s did, and is damaged (%v)", d.name, d.err)
			way = "the way out is to put that file back from a copy of this directory, or to " + corruption.OtherWay
		}
	}
	return fmt.Errorf("%w: the log begins at %d, and no usable snapshot reaches that: %s; %s", storage.ErrCorrupt, first, why, way)
}

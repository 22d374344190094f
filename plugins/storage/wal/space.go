package wal

import (
	"fmt"
	"strings"

	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Space implements shell.Log: it is all that the log is short of. Files that did not
// fit are tried again in the background, which is woken here: a host that is told of
// the lack appends nothing, so no append would wake it.
func (j *journal) Space() (storage.Space, error) {
	var missing []string
	if j.prepare.full.Load() {
		missing = append(missing, "the next log segment does not fit")
	}
	if j.reserve.full.Load() {
		missing = append(missing, fmt.Sprintf("the %d bytes of reserve_bytes are spent or do not fit", j.config.reserveBytes()))
	}
	if len(missing) > 0 {
		wake.Up(j.upkeep.wake)
		return storage.Space{Short: true, Detail: strings.Join(missing, ", and ")}, nil
	}
	return j.floor.Space()
}

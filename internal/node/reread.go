package node

import (
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Reread makes of committed entries, which were read from the storage, the run
// that they were when they came out for apply. before is the membership before
// them. There is at least one, they fit one batch, and a switch of the command version or
// a check is the last one (UntilEnd). The same entries give
// the same run, on every member and whenever it is done: the log says
// everything.
func Reread(before *member.Registry, entries []storage.Entry) (Apply, error) {
	last := &entries[len(entries)-1]
	a := Apply{First: entries[0].Index, Last: last.Index, Term: last.Term, Before: before, Switch: SwitchOf(last), Check: IsCheck(last)}
	var err error
	if a.Commands, err = Commands(entries); err != nil {
		return Apply{}, err
	}
	for i := range a.Commands {
		a.Bytes += uint64(len(a.Commands[i].Data)) + entryOverhead
	}
	if a.Registry, a.Changes, err = replayMembership(before, entries); err != nil {
		return Apply{}, err
	}
	return a, nil
}

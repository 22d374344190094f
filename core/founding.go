package core

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Why a member takes no part in the founding of its cluster.
var (
	errFoundersDiffer = errors.New("this member founds no cluster with others while members of its own list have another one: " +
		"compare cluster.members and the peer URLs in it on all of them, correct the file of those that are wrong, empty their data directories, and start them again")
	errFoundedElsewhere = errors.New("a cluster under this id was founded already, and with another list of members than this one's: " +
		"empty this member's data directory, and add it there (host member add, cluster.state: existing), or stop that cluster and restart this member if this list is the right one")
)

// A contradiction counts for rivalPause after it was seen last. That is time for three
// attempts of a peer that was refused: each comes a second and an election timeout
// after the one before.
func rivalPause(election time.Duration) time.Duration { return 3 * (time.Second + election) }

// A rival is a voter of this member's own list that began with another one, and so
// may found another cluster under the same id, or has.
type rival struct {
	id      member.ID
	founded bool
}

// rivals lists the rivals of a member that belongs to no cluster with a number yet. A
// majority of each list can found a cluster, and two lists may have a majority each. So
// a member does not vote while it hears of another list, on either side. Members whose
// list has no majority without those that contradict it end (judge), and the others go
// on.
//
// Only members of the own list count, by contradictions that they repeat. A rival that
// belongs to a founded cluster counts for as long as this host runs, heard or not,
// until it comes with a list that fits. A rival that is alone in its cluster does not
// count: that cluster does not serve while strangers to it call it (judge). A
// contradiction in the name of a peer that is connected is another caller's and does not
// count either. Callers hold i.mu.
func (i *identity) rivals(others map[member.ID]bool) []rival {
	all := map[member.ID]rival{}
	for c, seen := range maps.All(i.conflicts) {
		founded := seen.says.Number != 0
		lately := time.Since(seen.at) <= rivalPause(i.h.cfg.Election)
		alone := founded && seen.says.Voters == 1
		if c.reason == transport.MismatchFounding && others[c.peer] && !i.met[c.peer] && !alone && (lately || founded) {
			all[c.peer] = rival{c.peer, founded || all[c.peer].founded}
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b rival) int { return strings.Compare(a.id.String(), b.id.String()) })
}

// waitFor bars a member that could found its cluster while it has rivals.
func waitFor(rivals []rival) verdict {
	if len(rivals) == 0 {
		return verdict{}
	}
	err := errFoundersDiffer
	var names []string
	for _, r := range rivals {
		names = append(names, r.id.String())
		if r.founded {
			err = errFoundedElsewhere
		}
	}
	return verdict{err: fmt.Errorf("%w (members %s)", err, strings.Join(names, ", ")), bar: true, waits: true}
}

// past tells whether a conflict counts no more. A conflict with a cluster that was
// founded elsewhere stays until this member belongs to one (rivals). Callers hold i.mu.
func (i *identity) past(kind conflict, seen sighting) bool {
	stays := i.self.Number == 0 && seen.says.Number != 0 && kind.reason == transport.MismatchFounding && i.others()[kind.peer]
	return i.old(seen.at) && !stays
}

// tellOfWaiting logs when a member begins and ceases to wait for its rivals.
func (i *identity) tellOfWaiting(before, now verdict) {
	switch {
	case now.waits && (!before.waits || before.err.Error() != now.err.Error()):
		i.h.logger.Error("no cluster is founded", "error", now.err)
	case before.waits && !now.waits && now.err == nil:
		i.h.logger.Info("no member of the own list contradicts this one any more: it takes part in the founding")
	}
}

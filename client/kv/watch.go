package kv

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	kvv1 "github.com/pontoon-raft/pontoon/api/kv/v1"
)

// The reasons why a watch cannot begin or go on. The error is a *WatchError.
var (
	// ErrCompacted: events of the revision that comes next are not kept any more, since the
	// client was away, or reads more slowly than others write. Read the range, and watch
	// from the revision after that of the answer.
	ErrCompacted = errors.New("the events that come next are not kept any more")
	// ErrFuture: the store has not come to the revision before WatchOptions.From. It was put back
	// to an earlier state, or From is a mistake.
	ErrFuture = errors.New("the revision is of the future")
	// ErrOtherHistory: the cluster goes on from a backup, or from what a survivor had, and
	// gives the revisions after that to other writes. Read the range anew, and watch from
	// the revision after that of the answer, with its history.
	ErrOtherHistory = errors.New("the revision is of another history")
)

// WatchError says why a watch cannot begin or go on.
type WatchError struct {
	Err error // ErrCompacted, ErrFuture or ErrOtherHistory
	// Next is the revision whose events were wanted, Oldest the first one that can be
	// watched from, and Revision that of the store.
	Next, Oldest, Revision uint64
	// Of ErrOtherHistory alone, which has neither Oldest nor Revision: the history that Next
	// is of, and that of the cluster.
	Wanted, Found string
}

// Error implements error.
func (e *WatchError) Error() string {
	if e.Err == ErrOtherHistory {
		return fmt.Sprintf("watch from revision %d: %v: %s, and the cluster's is %s", e.Next, e.Err, e.Wanted, e.Found)
	}
	return fmt.Sprintf("watch from revision %d: %v: the oldest is %d, the store's is %d", e.Next, e.Err, e.Oldest, e.Revision)
}

// Unwrap returns Err.
func (e *WatchError) Unwrap() error { return e.Err }

// WatchOptions say what is watched, and from where.
type WatchOptions struct {
	// Key and End are the bounds: [Key, End). An empty Key is the start of the
	// store, an empty End its end. See PrefixEnd.
	Key, End []byte
	// From is the first revision whose events are wanted; 0 means those to come.
	From uint64
	// History is the one that From is of: Watcher.History of the watch that From goes on from, or
	// client.Chunks.History of an answer that it comes after. It protects from missing events in
	// silence after a restore. Empty: not known, so it is not checked.
	History string
	// KeysOnly leaves the values out.
	KeysOnly bool
	// Interrupted is called by Watcher.Next with the reason why the watch is asked for anew, if
	// it is not nil.
	Interrupted func(why error)
}

// EncodeWatch returns the query for a watch, which is answered in chunks. Watch asks it, and
// goes on after failures.
func EncodeWatch(o WatchOptions) []byte {
	return encode(&kvv1.Query{Op: &kvv1.Query_Watch{
		Watch: &kvv1.Watch{Key: o.Key, End: o.End, From: o.From, KeysOnly: o.KeysOnly},
	}})
}

// Event is a change of one key.
type Event struct {
	// Entry is the key as it was written. Of a delete it has the Key and, as ModRevision,
	// the revision of the delete.
	Entry
	// Deleted: the key is gone. Expired: because its time to live was over.
	Deleted, Expired bool
}

// Update is a step of a watch.
type Update struct {
	// Revision is the last revision whose events the watch has all handed out, this update
	// included. A watch from the next one goes on here, after a restart too.
	Revision uint64
	// Events in the order of revisions; those of one revision are in one update. An update
	// without any is a progress mark.
	Events []Event
}

// maxUpdate is the most bytes of an update: those of the longest history that a member may
// be told to keep.
const maxUpdate = 256<<20 + 64<<10

// Updates decodes the answer to a watch in chunks. It is for one goroutine.
type Updates struct {
	// Next is the revision after those that were seen; 0 before the first update of a watch
	// without a revision.
	Next uint64
	rest []byte // of an update that has begun
}

// Add takes the next chunk, of which it keeps a copy, and returns the updates that are whole
// with it. An update that does not go on where the one before has ended is an error, and so is the
// end of the watch, a *WatchError.
func (u *Updates) Add(chunk []byte) ([]Update, error) {
	u.rest = append(u.rest, chunk...)
	whole, err := wholeFields(u.rest)
	var m kvv1.WatchResult
	if err == nil {
		err = proto.Unmarshal(u.rest[:whole], &m)
	}
	if err != nil {
		return nil, fmt.Errorf("kv: chunk of %d bytes: %w", len(chunk), err)
	}
	u.rest = restOf(u.rest, whole)
	if n := len(u.rest); n > maxUpdate {
		return nil, fmt.Errorf("kv: an update of more than %d bytes, at most %d", n, maxUpdate)
	}
	var updates []Update
	for _, m := range m.Updates {
		update, err := u.step(m)
		if err != nil {
			return updates, err
		}
		updates = append(updates, update)
	}
	return updates, nil
}

// step checks that an update goes on where the one before has ended.
func (u *Updates) step(m *kvv1.WatchUpdate) (Update, error) {
	if r := m.Refused; r != nil {
		return Update{}, u.refused(r)
	}
	if m.Revision+1 < max(u.Next, 1) {
		return Update{}, fmt.Errorf("kv: an update up to revision %d after one up to %d", m.Revision, u.Next-1)
	}
	update, last := Update{Revision: m.Revision}, u.Next
	for _, e := range m.Events {
		at := e.GetKv().GetModRevision()
		if len(e.GetKv().GetKey()) == 0 {
			return Update{}, fmt.Errorf("kv: an event of revision %d without a key", at)
		}
		if at < last || at > m.Revision {
			return Update{}, fmt.Errorf("kv: an event of revision %d in an update from %d up to %d", at, u.Next, m.Revision)
		}
		last = at
		update.Events = append(update.Events, Event{
			Entry: entryOf(e.Kv), Deleted: e.Type == kvv1.EventType_EVENT_TYPE_DELETE, Expired: e.Expired,
		})
	}
	u.Next = m.Revision + 1
	return update, nil
}

func (u *Updates) refused(r *kvv1.WatchRefused) error {
	e := &WatchError{Next: u.Next, Oldest: r.Oldest, Revision: r.Revision}
	switch r.Reason {
	case kvv1.WatchRefused_REASON_COMPACTED:
		e.Err = ErrCompacted
	case kvv1.WatchRefused_REASON_FUTURE:
		e.Err = ErrFuture
	default:
		return fmt.Errorf("kv: the watch was refused for a reason of number %d, which this client does not know", r.Reason)
	}
	return e
}

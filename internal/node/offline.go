package node

import (
	"fmt"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// ChangeEntry makes the entry of a membership change that no client proposed:
// for tools that write the log of a stopped node.
func ChangeEntry(index, term uint64, c member.Change) (storage.Entry, error) {
	data, err := encodeChange(RequestID{}, c)
	if err != nil {
		return storage.Entry{}, fmt.Errorf("membership change: %w", err)
	}
	return storage.Entry{Index: index, Term: term, Type: pluginv1.EntryType_ENTRY_CONF_CHANGE, Data: data}, nil
}

// ReplayMembership returns the membership after entries, which follow those
// that led to r. A node that has applied them would have it.
func ReplayMembership(r *member.Registry, entries []storage.Entry) (*member.Registry, error) {
	after, _, err := replayMembership(r, entries)
	return after, err
}

// replayMembership is ReplayMembership with what became of each change.
func replayMembership(r *member.Registry, entries []storage.Entry) (*member.Registry, []ChangeResult, error) {
	var results []ChangeResult
	for i := range entries {
		e := &entries[i]
		if e.Type == pluginv1.EntryType_ENTRY_NORMAL && isOwn(e.Data) {
			next, err := applyOwn(r, e.Data)
			if err != nil {
				return nil, nil, fmt.Errorf("entry %d: %w", e.Index, err)
			}
			r = next
		}
		if e.Type != pluginv1.EntryType_ENTRY_CONF_CHANGE {
			continue
		}
		id, c, err := decodeChange(e.Data)
		if err != nil {
			return nil, nil, fmt.Errorf("entry %d: %w", e.Index, err)
		}
		next, err := r.Apply(c, e.Index, e.Term)
		if err == nil {
			r = next // a change that the registry refuses stays without effect
		}
		results = append(results, ChangeResult{ID: id, Index: e.Index, Term: e.Term, Err: err})
	}
	return r, results, nil
}

package maintenance

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/internal/storecopy"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Verdict is what is known of a store after all of it was read.
type Verdict struct {
	Backend string `json:"backend"`
	Dir     string `json:"dir"`
	Sound   bool   `json:"sound"`
	// Problem says what is damaged; empty if nothing is.
	Problem    string   `json:"problem,omitempty"`
	Notes      []string `json:"notes,omitempty"`
	FirstIndex uint64   `json:"first_index"`
	LastIndex  uint64   `json:"last_index"`
	// LastTerm is the term of the last entry. Of two logs the one with the larger goes
	// further, and of those with the same one the longer.
	LastTerm  uint64            `json:"last_term"`
	Term      uint64            `json:"term"`
	Vote      string            `json:"vote"`
	Commit    uint64            `json:"commit"`
	Entries   uint64            `json:"entries"`
	DataBytes uint64            `json:"data_bytes"`
	Snapshots []SnapshotVerdict `json:"snapshots"`
}

// SnapshotVerdict is what is known of one snapshot.
type SnapshotVerdict struct {
	Index    uint64   `json:"index"`
	Term     uint64   `json:"term"`
	Bytes    uint64   `json:"bytes"`
	Voters   []string `json:"voters"`
	Learners []string `json:"learners,omitempty"`
	Sound    bool     `json:"sound"`
	Problem  string   `json:"problem,omitempty"`
}

// VerifyLog opens the store and reads every entry. Damage is in the verdict;
// an error is another reason why there is none: that a newer build wrote the store, say.
func VerifyLog(ctx context.Context, place Place, node *Node) (Verdict, error) {
	v := Verdict{Backend: orUnknown(place.Backend), Dir: place.Dir, Snapshots: []SnapshotVerdict{}}
	if err := place.mustBeOf(node); err != nil {
		return v, err // the node would not start with it
	}
	s, err := OpenToRead(ctx, place, node)
	if errors.Is(err, ErrDamaged) {
		v.Problem = err.Error()
		return v, nil
	}
	if err != nil {
		return v, err
	}
	v.describe(s.State)
	v.Notes = s.Notes
	if why, err := datadir.LossOf(place.Data, s.State.StoreID); err != nil {
		v.Notes = append(v.Notes, err.Error())
	} else if why != "" {
		v.Notes = append(v.Notes, "no host starts with this store: it lost data: "+why)
	}
	header, err := newestHeader(ctx, s)
	r := replayFrom(header)
	r.err = err
	err = storecopy.ReadLog(ctx, s.opened(), s.State.FirstIndex, func(entries []storage.Entry) error {
		for i := range entries {
			v.Entries++
			v.DataBytes += uint64(len(entries[i].Data))
		}
		r.take(entries)
		return nil
	})
	v.Snapshots = listed(s.State.Snapshots)
	if err == nil {
		_, err = r.end()
		err = onlyNewer(err)
	}
	return v, v.conclude(err, s)
}

// VerifySnapshots reads every snapshot of the store; 0 means all.
func VerifySnapshots(ctx context.Context, place Place, node *Node, index uint64) (Verdict, error) {
	v := Verdict{Backend: orUnknown(place.Backend), Dir: place.Dir, Snapshots: []SnapshotVerdict{}}
	s, err := OpenToRead(ctx, place, node)
	if err != nil {
		return v, err
	}
	v.describe(s.State)
	v.Notes = s.Notes
	for _, sn := range listed(s.State.Snapshots) {
		if index != 0 && sn.Index != index {
			continue
		}
		if err = readSnapshot(ctx, s, sn.Index, io.Discard); errors.Is(err, storage.ErrCorrupt) {
			sn.Sound, sn.Problem, err = false, err.Error(), nil
		} else if err != nil {
			break
		}
		if sn.Sound {
			if err = snapshotUnderstood(ctx, s, sn.Index); err != nil {
				break
			}
		}
		v.Snapshots = append(v.Snapshots, sn)
	}
	return v, v.conclude(err, s)
}

// conclude closes the store and decides.
func (v *Verdict) conclude(err error, s *Store) error {
	if errors.Is(err, storage.ErrCorrupt) {
		v.Problem, err = err.Error(), nil
	}
	v.Sound = v.Problem == ""
	for _, sn := range v.Snapshots {
		v.Sound = v.Sound && sn.Sound
	}
	return errors.Join(err, s.Release())
}

func (v *Verdict) describe(st storage.State) {
	v.FirstIndex, v.LastIndex, v.LastTerm = st.FirstIndex, st.LastIndex, lastTerm(st)
	v.Term, v.Vote, v.Commit = st.HardState.Term, hexID(st.HardState.Vote), st.HardState.Commit
}

// lastTerm is the term of the last entry of a log; 0 if it has none.
func lastTerm(st storage.State) uint64 {
	if n := len(st.Terms); n > 0 {
		return st.Terms[n-1].Term
	}
	return 0
}

func hexID(id uint64) string { return fmt.Sprintf("%x", id) }

func hexIDs(ids []uint64) []string {
	texts := make([]string, 0, len(ids))
	for _, id := range ids {
		texts = append(texts, hexID(id))
	}
	return texts
}

func listed(infos []storage.SnapshotInfo) []SnapshotVerdict {
	all := make([]SnapshotVerdict, 0, len(infos))
	for _, i := range infos {
		m := i.Metadata
		all = append(all, SnapshotVerdict{
			Index: m.Index, Term: m.Term, Bytes: i.Bytes, Sound: true,
			Voters: hexIDs(m.ConfState.Voters), Learners: hexIDs(m.ConfState.Learners),
		})
	}
	return all
}

// readSnapshot writes a snapshot's content to w. Only without an error was all
// of it what was written.
func readSnapshot(ctx context.Context, s *Store, index uint64, w io.Writer) (err error) {
	r, err := s.OpenSnapshot(ctx, index)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	_, err = io.Copy(w, r)
	return err
}

// Snapshots lists what Open found.
func (s *Store) Snapshots() []SnapshotVerdict { return listed(s.State.Snapshots) }

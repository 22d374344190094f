package node

import (
	"testing"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// A member whose newest snapshot says that it was removed is told so when its node
// begins, as one is whose log says it.
func TestASnapshotSaysThatThisMemberWasRemoved(t *testing.T) {
	registry := &member.Registry{}
	var err error
	for i, c := range []member.Change{
		{Op: member.Add, Member: member.Member{ID: 1, Name: "n1", PeerURLs: []string{"http://n1:1"}}},
		{Op: member.Add, Member: member.Member{ID: 2, Name: "n2", PeerURLs: []string{"http://n2:1"}}},
		{Op: member.Remove, Member: member.Member{ID: 1}},
	} {
		if registry, err = registry.Apply(c, uint64(i+1), 1); err != nil {
			t.Fatal(err)
		}
	}
	meta := storage.SnapshotMetadata{Index: 3, Term: 1, ConfState: storage.ConfState{Voters: registry.Voters()}}
	c, err := NewCore(tabled(Config{
		ID: 1, Group: 1, ElectionTicks: 10, HeartbeatTicks: 1, Limits: plugins.DefaultLimits(), Registry: registry,
		State: storage.State{
			HardState: storage.HardState{Term: 1, Commit: 3}, FirstIndex: 4, LastIndex: 3,
			Terms: []storage.TermBoundary{{Index: 3, Term: 1}}, Snapshots: []storage.SnapshotInfo{{Metadata: meta}},
		},
	}))
	if err != nil {
		t.Fatal(err)
	}
	told := c.Output().StateChanged
	for range 100 {
		if err := c.Tick(); err != nil {
			t.Fatal(err)
		}
		told = told || c.Output().StateChanged
	}
	if !told {
		t.Error("nothing was said of the membership in 100 ticks, and this member is removed")
	}
}

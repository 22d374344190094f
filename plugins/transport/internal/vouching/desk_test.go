package vouching

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Members are heard, others after a peer has vouched for them, and for a while.
// Rule TR-11.
func TestWhoIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(time.Second)
		if heard, ask := d.Admits(9); !heard || ask {
			t.Errorf("before the host has said who the members are: heard %t, ask %t", heard, ask)
		}
		d.Set(transport.PeerSet{Peers: []transport.Peer{{Id: 2}}})
		if heard, ask := d.Admits(2); !heard || ask || !d.Vouches(2) {
			t.Errorf("a member: heard %t, ask %t", heard, ask)
		}
		if heard, ask := d.Admits(9); heard || !ask || d.Vouches(9) {
			t.Errorf("a stranger: heard %t, ask %t", heard, ask)
		}
		if heard, ask := d.Admits(9); heard || ask {
			t.Errorf("at once again: heard %t, ask %t", heard, ask)
		}
		d.Told(9, Member)
		if heard, _ := d.Admits(9); !heard || !d.Stands(9) || d.Vouches(9) {
			t.Error("one that a peer knows is not heard, or vouched for by hearsay")
		}
		<-time.After(keep * time.Second)
		if heard, ask := d.Admits(9); heard || !ask || d.Stands(9) {
			t.Errorf("later: heard %t, ask %t", heard, ask)
		}
		d.Told(10, Member)
		if heard, _ := d.Admits(10); heard {
			t.Error("an answer that nobody has asked for is believed")
		}
		d.Set(transport.PeerSet{Joining: true})
		if heard, _ := d.Admits(9); !heard || d.Vouches(2) {
			t.Error("a node that is no member yet hears the cluster, and vouches for nobody")
		}
	})
}

// Callers under ever new names make a node ask about few of them, and remember
// few.
func TestStrangersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(time.Second)
		d.Set(transport.PeerSet{Peers: []transport.Peer{{Id: 2}}})
		asked := 0
		for id := range uint64(1000) {
			if _, ask := d.Admits(100 + id); ask {
				asked++
			}
		}
		if asked != maxCallers || len(d.callers) != maxCallers {
			t.Errorf("asked about %d, remembers %d", asked, len(d.callers))
		}
		<-time.After(time.Second)
		if _, ask := d.Admits(5000); !ask {
			t.Error("a stranger is not asked about although the others were quiet")
		}
	})
}

// A node that has been away for long knows members that were all replaced. When none
// of them answers any more, it hears who calls; one answer is enough against that.
func TestANodeWhosePeersAreGoneHearsOthers(t *testing.T) {
	for name, c := range map[string]struct {
		members []transport.Peer
		last    Answer
		heard   bool
	}{
		"nobody answers": {[]transport.Peer{{Id: 2}}, Unanswered, true},
		"one answers":    {[]transport.Peer{{Id: 2}}, Unknown, false},
		"a single one":   {nil, Unanswered, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := New(time.Second)
				d.Set(transport.PeerSet{Peers: c.members})
				for range keep {
					if heard, _ := d.Admits(9); heard {
						t.Fatal("heard too early")
					}
					d.Told(9, Unanswered)
					<-time.After(time.Second)
				}
				d.Told(9, c.last)
				if heard, _ := d.Admits(9); heard != c.heard {
					t.Errorf("heard: %t", heard)
				}
			})
		})
	}
}

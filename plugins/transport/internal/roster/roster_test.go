package roster

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// entry is a peer that notes what the roster does with it.
type entry struct {
	id                       uint64
	remote, changes, stopped bool
	started                  int
	urls                     []*url.URL
}

func (e *entry) Keep(remote, learned bool) bool {
	if !e.changes {
		return !learned && e.remote == remote
	}
	e.remote = remote
	return true
}

func (e *entry) SetURLs(urls []*url.URL) { e.urls = urls }
func (e *entry) Start()                  { e.started++ }
func (e *entry) Stop()                   { e.stopped = true }

// newRoster makes a roster of node 1. Its peers change with what the host says of
// them, or new ones take their place.
func newRoster(changes bool, heard func(uint64) bool) *Roster[*entry] {
	if heard == nil {
		heard = func(uint64) bool { return true }
	}
	return New(Rules[*entry]{
		Self: 1,
		URLs: func(p transport.Peer) (urls []*url.URL, err error) {
			for _, raw := range p.Urls {
				u, parseErr := url.Parse(raw)
				if err = errors.Join(err, parseErr); parseErr == nil {
					urls = append(urls, u)
				}
			}
			return urls, err
		},
		New:   func(id uint64, remote bool) *entry { return &entry{id: id, remote: remote, changes: changes} },
		Heard: heard,
	})
}

func set(t *testing.T, r *Roster[*entry], peers ...transport.Peer) {
	t.Helper()
	if err := r.Set(transport.PeerSet{Peers: peers}); err != nil {
		t.Fatal(err)
	}
}

// A member that stays keeps its peer, which is started once; one that is left out
// is stopped; and what cannot be used keeps no other out.
func TestSet(t *testing.T) {
	r := newRoster(false, nil)
	set(t, r, transport.Peer{Id: 2}, transport.Peer{Id: 3})
	two, three := r.Get(2), r.Get(3)
	err := r.Set(transport.PeerSet{Peers: []transport.Peer{
		{Id: 2, Urls: []string{"x://a", "%", "x://b"}}, {Id: 1}, {Id: 2}, {Id: 4},
	}})
	if !errors.Is(err, plugins.ErrInvalidArgument) {
		t.Errorf("this node, a peer that is there twice: %v", err)
	}
	if r.Get(2) != two || two.started != 1 || two.stopped || fmt.Sprint(two.urls) != "[x://a x://b]" {
		t.Errorf("the peer that stays: %+v", two)
	}
	if r.Get(3) != nil || !three.stopped || r.Knows(3) {
		t.Errorf("the peer that was left out: %+v", three)
	}
	if four := r.Get(4); four == nil || four.started != 1 || r.Get(1) != nil || len(r.Named()) != 2 {
		t.Errorf("the new peer: %+v of %v", four, r.Named())
	}
}

// A peer that cannot become what the host says gives way to a new one, and one that
// can stays, whether it was named or has only called.
func TestKeep(t *testing.T) {
	for _, changes := range []bool{false, true} {
		r := newRoster(changes, nil)
		set(t, r, transport.Peer{Id: 2})
		named := r.Get(2)
		learned, added := r.Learn(3, nil)
		if !added || !learned.remote || learned.started != 0 {
			t.Errorf("learned: %+v, added %v", learned, added)
		}
		set(t, r, transport.Peer{Id: 2, Remote: true}, transport.Peer{Id: 3})
		for _, p := range []*entry{named, learned} {
			now := r.Get(p.id)
			if stays := now == p; stays != changes || p.stopped == changes || now.remote != (p.id == 2) || now.started != 1 {
				t.Errorf("changes %v: %+v, and now %+v", changes, p, now)
			}
		}
		if n := len(r.Learned()); n > 0 {
			t.Errorf("changes %v: %d learned peers are left", changes, n)
		}
	}
}

// A member that was removed is remembered until it is a peer again, and is not
// learned; a learned one is forgotten.
func TestRemoved(t *testing.T) {
	r := newRoster(true, nil)
	p, _ := r.Learn(2, nil)
	if err := r.Set(transport.PeerSet{Removed: []transport.RemovedMember{{Id: 2, Index: 7}}}); err != nil {
		t.Fatal(err)
	}
	if again, added := r.Learn(2, nil); !p.stopped || again != nil || added || r.Get(2) != nil {
		t.Errorf("learned after its removal: %+v, %v", again, added)
	}
	set(t, r)
	if m, removed := r.Removed(2); !removed || m.Index != 7 {
		t.Errorf("not remembered: %+v, %v", m, removed)
	}
	set(t, r, transport.Peer{Id: 2})
	if _, removed := r.Removed(2); removed || r.Get(2) == nil {
		t.Error("a peer is removed")
	}
}

// Of many callers those that called last are remembered. A caller says where it
// can be reached for itself only, and not of a peer that the host has named.
func TestLearnedAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoster(true, nil)
		set(t, r, transport.Peer{Id: 2, Urls: []string{"x://a"}})
		elsewhere := []*url.URL{{Scheme: "x", Host: "b"}}
		if p, added := r.Learn(2, elsewhere); added || p != r.Get(2) || p.urls[0].Host != "a" {
			t.Errorf("a named peer calls: %+v, added %v", p, added)
		}
		first, _ := r.Learn(100, elsewhere)
		for id := range uint64(MaxLearned) {
			if id == MaxLearned-1 {
				if p, added := r.Learn(100, nil); p != first || added || p.urls[0].Host != "b" {
					t.Errorf("the first caller calls again: %+v", p)
				}
			}
			<-time.After(time.Second)
			r.Learn(101+id, nil)
		}
		ids := r.Learned()
		if len(ids) != MaxLearned || !slices.Contains(ids, 100) || slices.Contains(ids, 101) || first.stopped {
			t.Errorf("remembered are %v", ids)
		}
		if n := len(r.All()); n != MaxLearned+1 {
			t.Errorf("%d peers in all", n)
		}
	})
}

// A peer that is not heard any more is forgotten with the next set; after Close
// all are stopped, and none comes.
func TestForgetAndClose(t *testing.T) {
	heard := true
	r := newRoster(true, func(uint64) bool { return heard })
	set(t, r, transport.Peer{Id: 2})
	one, _ := r.Learn(3, nil)
	heard = false
	set(t, r, transport.Peer{Id: 2})
	if !one.stopped || r.Get(3) != nil || r.Get(2).stopped {
		t.Errorf("not heard any more: %+v", one)
	}
	other, _ := r.Learn(4, nil)
	r.Close()
	if !other.stopped || !r.Get(2).stopped {
		t.Error("Close has stopped not all")
	}
	if err := r.Set(transport.PeerSet{}); !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("set after Close: %v", err)
	}
	if p, added := r.Learn(5, nil); p != nil || added {
		t.Error("learned after Close")
	}
}

package main

import "testing"

// The load through followers reaches each member that does not lead, and no other one.
func TestTheLoadThroughFollowersGoesToEachOfThem(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts a real cluster")
	}
	dir := t.TempDir()
	host, err := buildHost(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	p := newPontoon(cluster{host: host, throughFollowers: true})
	defer func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if err := p.Start(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if len(p.writers) != 2 {
		t.Fatalf("%d clients write, want one for each of two followers", len(p.writers))
	}
	for i, w := range p.writers {
		if w == p.client {
			t.Errorf("client %d goes to the leader", i)
		}
		if err := p.Propose(t.Context(), i, []byte("key"), []byte("value")); err != nil {
			t.Errorf("through follower %d: %v", i, err)
		}
	}
}

package main

import "testing"

// The load through followers reaches each member that does not lead, and no other one;
// that through members reaches all.
func TestTheLoadIsSpread(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts real clusters")
	}
	host, err := buildHost(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for through, most := range map[string]int{throughFollowers: 2, throughMembers: 3} {
		t.Run(through, func(t *testing.T) {
			p := newPontoon(cluster{host: host, through: through})
			defer func() {
				if err := p.Stop(); err != nil {
					t.Error(err)
				}
			}()
			if err := p.Start(t.Context(), t.TempDir()); err != nil {
				t.Fatal(err)
			}
			if len(p.writers) != most {
				t.Fatalf("%d clients write, want one for each of %d members", len(p.writers), most)
			}
			for i := range p.writers {
				if err := p.Propose(t.Context(), i, []byte("key"), []byte("value")); err != nil {
					t.Errorf("through member %d: %v", i, err)
				}
			}
		})
	}
}

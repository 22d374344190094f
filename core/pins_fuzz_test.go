package core

import (
	"testing"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/vfs"
)

// FuzzPins: a file of pins, whatever is in it, is refused, or is written and read
// alike.
func FuzzPins(f *testing.F) {
	f.Add([]byte(`{"version": 1, "store": "fa4", "peers": {"2": "17"}, "incarnations": "10", "lost": "index 7"}`))
	f.Add([]byte(`{"version": 1} {}`))
	f.Add([]byte(`{"version": 1, "peers": {"0": "x"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := pinsIn(vfs.NewMem())
		if p.decode(b) != nil {
			return
		}
		if err := p.save(); err != nil {
			t.Fatalf("pins that were read cannot be written: %v", err)
		}
		again, err := openPins(p.fs)
		if err != nil {
			t.Fatalf("pins that were written cannot be read: %v", err)
		}
		if again.store != p.store || again.incarnations != p.incarnations || again.lost != p.lost || len(again.peers) != len(p.peers) {
			t.Fatalf("%s became %+v, was %+v", b, again, p)
		}
	})
}

func pinsIn(fsys vfs.FS) *pins {
	return &pins{fs: fsys, peers: map[member.ID]uint64{}, wake: make(chan struct{}, 1)}
}

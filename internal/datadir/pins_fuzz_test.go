package datadir

import (
	"maps"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// FuzzPins: a file of pins, whatever is in it, is refused, or is written and read
// alike.
func FuzzPins(f *testing.F) {
	f.Add([]byte(`{"version": 1, "store": "fa4", "peers": {"2": "17"}, "incarnations": "10", "lost": "index 7", "parted_at": "1f", "parted": "it differs"}`))
	f.Add([]byte(`{"version": 1, "storage": "wal", "move": {"from": "wal", "to": "pebble", "left": "storage.wal.1", "phase": "switching"}}`))
	f.Add([]byte(`{"version": 1} {}`))
	f.Add([]byte(`{"version": 1, "peers": {"0": "x"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodePins(b)
		if err != nil {
			return
		}
		disk := vfs.NewMem()
		if err := p.Write(disk); err != nil {
			t.Fatalf("pins that were read cannot be written: %v", err)
		}
		again, err := ReadPins(disk)
		if err != nil {
			t.Fatalf("pins that were written cannot be read: %v", err)
		}
		if again.Store != p.Store || again.Incarnations != p.Incarnations || again.Lost != p.Lost || again.Founding != p.Founding || again.PartedAt != p.PartedAt || again.Parted != p.Parted || !maps.Equal(again.Peers, p.Peers) ||
			again.Storage != p.Storage || (again.Move == nil) != (p.Move == nil) || p.Move != nil && *again.Move != *p.Move {
			t.Fatalf("%s became %+v, was %+v", b, again, p)
		}
	})
}

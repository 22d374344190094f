package pebble

import (
	"errors"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// blindDisk cannot tell how much is free.
type blindDisk struct{ vfs.FS }

func (blindDisk) Free() (int64, error) { return 0, errors.ErrUnsupported }

// A store watches its disk unless it is told not to, or cannot. A setting that
// it cannot follow is refused.
func TestFloor(t *testing.T) {
	nearlyFull := vfs.NewMem()
	nearlyFull.SetFree(128<<20 - 1)
	for _, x := range []struct {
		section string
		disk    vfs.FS
		short   bool
		want    error
	}{
		{"", nearlyFull, true, nil},
		{"min_free_bytes: 134217727", nearlyFull, false, nil},
		{"min_free_bytes: 0", nearlyFull, false, nil},
		{"", blindDisk{nearlyFull}, false, nil},
		{"min_free_bytes: 0", blindDisk{nearlyFull}, false, nil},
		{"min_free_bytes: 1", blindDisk{nearlyFull}, false, plugins.ErrInvalidConfig},
	} {
		c, err := parseConfig([]byte(x.section))
		if err != nil {
			t.Fatal(err)
		}
		f, err := c.floor(x.disk)
		if !errors.Is(err, x.want) {
			t.Errorf("%q on %T: %v, want %v", x.section, x.disk, err, x.want)
		}
		if err != nil {
			continue
		}
		if sp, err := f.Space(); err != nil || sp.Short != x.short {
			t.Errorf("%q on %T: %+v, %v, want short: %t", x.section, x.disk, sp, err, x.short)
		}
	}
}

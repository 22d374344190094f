package pebble_test

import (
	"context"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pontoon-raft/pontoon/plugins/storage/pebble"
)

// TestMarkersComeAfterASync: a marker of pebble is created when the name of its
// manifest is durable, and the one before goes when the new one is: nothing but a
// sync of the directory is done to it in between. (TestCrashPoints shows the
// first; a name that goes without those before it is not among its crash states.)
func TestMarkersComeAfterASync(t *testing.T) {
	d, err := newDisks()
	must(t, err)
	var mu sync.Mutex
	var last errorfs.Op
	markers := 0
	failing := errorfs.Wrap(d.db, errorfs.InjectorFunc(func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if !changes(op.Kind) {
			return nil
		}
		if strings.HasPrefix(path.Base(op.Path), "marker.") {
			markers++
			if last.Kind != errorfs.OpFileSync || last.Path != path.Dir(op.Path) {
				t.Errorf("operation %d on %s comes after operation %d on %s, not after a sync of the directory", op.Kind, op.Path, last.Kind, last.Path)
			}
		}
		last = op
		return nil
	}))
	for range 3 {
		s := pebble.NewOn(testEnv(t), d.files, failing)
		_, err := s.Open(t.Context(), options("node", smallTables))
		must(t, err)
		must(t, s.Close(context.Background()))
	}
	if markers < 3 {
		t.Errorf("%d markers were created or removed: this shows nothing", markers)
	}
}

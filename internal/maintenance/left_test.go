package maintenance

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
)

// A store that was left for its copy is neither moved nor recovered: what would be made from it
// lacks what the copy has, and has no mark of that. It is refused where the copy was, and where
// it was put aside.
func TestAStoreThatWasLeftIsNotUsed(t *testing.T) {
	for _, name := range []string{"storage", "storage.wal.20261201T050000.000"} {
		data := t.TempDir()
		dir := filepath.Join(data, name)
		lagging(t, dir, 9)
		if err := datadir.MarkLeft(dir, "pebble"); err != nil {
			t.Fatal(err)
		}
		n := Node{
			ClusterID: 1, NodeID: 1, Name: "n1", Spec: catalog.Spec{Name: "wal", Isolation: catalog.Inproc},
			Backends: []backend.Backend{wal.Backend()},
		}
		place := Place{Data: data, Dir: dir, Backend: "wal"}
		if _, err := Migrate(t.Context(), place, &n, n); !errors.Is(err, ErrRefused) {
			t.Errorf("migrate: %v", err)
		}
		if _, err := PlanRecovery(t.Context(), place, n); !errors.Is(err, ErrRefused) {
			t.Errorf("recover: %v", err)
		}
		if there, err := os.ReadDir(data); err != nil || len(there) > 1 {
			t.Errorf("beside it there are %v, %v", there, err)
		}
	}
}

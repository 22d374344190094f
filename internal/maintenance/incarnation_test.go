package maintenance_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/maintenance"
	"github.com/pontoon-raft/pontoon/internal/shortdir"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/memory"
)

// recording is a storage that keeps the incarnations of its Opens.
type recording struct {
	storage.Storage
	opens *[]uint64
}

func (r recording) Open(ctx context.Context, opts plugins.Options) (storage.State, error) {
	*r.opens = append(*r.opens, opts.Incarnation)
	return r.Storage.Open(ctx, opts)
}

// A tool opens a store with an incarnation that its host has not used, though the
// clock is behind those.
func TestAToolOpensAStoreAfterItsHost(t *testing.T) {
	const noted = 1 << 62
	data := t.TempDir()
	pins := []byte(`{"version": 1, "store": "7", "incarnations": "4000000000000000"}`)
	if err := os.WriteFile(filepath.Join(data, "pins.json"), pins, 0o600); err != nil {
		t.Fatal(err)
	}
	sockets, err := os.MkdirTemp(shortdir.Parent(), "inc-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(sockets)
	var opens []uint64
	create := func(env backend.Env) storage.Storage { return recording{memory.Backend().NewStorage(env), &opens} }
	n := maintenance.Node{
		ClusterID: 1, NodeID: 1, Name: "n1", Spec: catalog.Spec{Name: "memory", Isolation: catalog.Inproc},
		Backends: []backend.Backend{backend.Storage("memory", create)}, RuntimeDir: sockets,
	}
	s, err := maintenance.OpenWithPlugin(context.Background(), filepath.Join(data, "storage"), n)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Release(); err != nil {
		t.Fatal(err)
	}
	if len(opens) != 1 || opens[0] < noted {
		t.Errorf("opened with incarnations %v, the host has noted %d", opens, uint64(noted))
	}
}

package storagerpc_test

import (
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
)

// A store over RPC promises what a store does.
func TestConformance(t *testing.T) {
	for name, carrier := range rpctest.Carriers() {
		t.Run(name, func(t *testing.T) { conformance(t, carrier) })
	}
}

func conformance(t *testing.T, carrier rpctest.Carrier) {
	disks := map[string]*storagetest.Disk{}
	backends := map[storage.Storage]*storagetest.Memory{}
	storagetest.Run(t, storagetest.Harness{
		// Connections outlive the subtests, which close stores in cleanups that
		// may run later than those of New.
		New: func(_ testing.TB, dir string) storage.Storage {
			if disks[dir] == nil {
				disks[dir] = storagetest.NewDisk()
			}
			backend := disks[dir].Store()
			c := overCarrier(t, carrier, backend)
			backends[c] = backend
			return c
		},
		Fill: func(_ testing.TB, dir string, full bool) {
			if full {
				disks[dir].RunShort("a test says so")
			} else {
				disks[dir].RunShort("")
			}
		},
		Stall: func(_ testing.TB, dir string) (<-chan struct{}, func()) {
			stalled, resumed := make(chan struct{}), make(chan struct{})
			once := sync.OnceFunc(func() { close(stalled) })
			disks[dir].OnAppend(func([]storage.Batch) error {
				once()
				<-resumed
				return nil
			})
			return stalled, func() { disks[dir].OnAppend(nil); close(resumed) }
		},
		Kill:      func(_ testing.TB, s storage.Storage) { backends[s].Kill() },
		Wipe:      func(_ testing.TB, dir string) { delete(disks, dir) },
		ModelRuns: 50,
	})
}

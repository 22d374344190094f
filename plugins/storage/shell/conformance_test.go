package shell_test

import (
	"context"
	"errors"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/identity"
	"github.com/pontoon-raft/pontoon/plugins/storage/shell"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

func fileBackend() shell.Backend {
	return shell.Backend{
		Info: plugins.Info{
			Kind: plugins.Storage, Name: "file", Version: "1", Protocols: []uint32{plugins.ProtocolVersion},
			Capabilities: []plugins.Capability{storage.CapabilitySpace},
		},
		Identity: identity.Format{Backend: "file", Magic: "PONTFIL\x01", Version: 1},
		Stray:    stray,
		OpenFS:   vfs.OS,
		Configure: func([]byte) (shell.Recover, error) {
			return func(p shell.Place) (shell.Log, storage.State, error) { return openFileLog(p) }, nil
		},
	}
}

// A log of 150 lines in the shell is a backend that passes the kit, made of packages
// that other modules can import. Its poison is its kill -9: the store writes nothing
// after it.
func TestConformanceOfTheSmallestLog(t *testing.T) {
	poisons := map[storage.Storage]*shell.Poison{}
	storagetest.Run(t, storagetest.Harness{
		New: func(t testing.TB, _ string) storage.Storage {
			b, poison := fileBackend(), new(shell.Poison)
			configure := b.Configure
			b.Configure = func(section []byte) (shell.Recover, error) {
				recoverLog, err := configure(section)
				return func(p shell.Place) (shell.Log, storage.State, error) {
					*poison = p.Poison
					return recoverLog(p)
				}, err
			}
			s := shell.New(nil, b)
			poisons[s] = poison
			t.Cleanup(func() { _ = s.Close(context.Background()) })
			return s
		},
		Kill: func(_ testing.TB, s storage.Storage) {
			_ = (*poisons[s]).Fail(errors.New("killed"))
			_ = s.Close(context.Background())
		},
		ModelRuns: 20,
	})
}

package wal

import (
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/shell"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// Name is what a host's configuration calls this backend.
const Name = "wal"

// version is the backend's own; the format on disk has one of its own.
const version = "1.0.0"

// Backend describes the backend to the catalog and to sdk.Serve.
func Backend() backend.Backend { return backend.Storage(Name, New) }

// New returns a store that is not open yet. It keeps its data in the data
// directory given to Open and nowhere else.
func New(env backend.Env) storage.Storage { return newStore(env, vfs.OS) }

// NewOver is New over a file system that open returns for the data directory,
// such as one that a test disturbs.
func NewOver(env backend.Env, open func(dir string) (vfs.FS, error)) storage.Storage {
	return newStore(env, open)
}

// store is a shell around a journal.
type store struct {
	*shell.Store
	journal *journal // of the last Open; set before the store is open
}

// newStore is New over another file system.
func newStore(env backend.Env, open func(dir string) (vfs.FS, error)) *store {
	s := &store{}
	s.Store = shell.New(env.Logger, shell.Backend{
		Info: describe(), Identity: format(), Stray: logOrSnapshot, Configure: s.configure, OpenFS: open,
	})
	return s
}

// describe is the answer of Describe.
func describe() plugins.Info {
	return plugins.Info{
		Kind:         plugins.Storage,
		Name:         Name,
		Version:      version,
		Protocols:    []uint32{plugins.ProtocolVersion},
		Capabilities: []plugins.Capability{storage.CapabilitySpace},
		ConfigSchema: []byte(configSchema),
	}
}

// configure reads the config section.
func (s *store) configure(section []byte) (shell.Recover, error) {
	cfg, err := parseConfig(section)
	if err != nil {
		return nil, err
	}
	return func(p shell.Place) (shell.Log, storage.State, error) {
		j, err := openJournal(p, cfg)
		if err != nil {
			return nil, storage.State{}, err
		}
		s.journal = j
		return j, j.state.Opened(), nil
	}, nil
}

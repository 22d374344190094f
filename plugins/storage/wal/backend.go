package wal

import (
	"log/slog"

	"github.com/pontoon-raft/pontoon/internal/vfs"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
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

// newStore is New over another file system.
func newStore(env backend.Env, open func(dir string) (vfs.FS, error)) *store {
	logger := env.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &store{logger: logger, openFS: open}
}

// Describe implements storage.Storage.
func (s *store) Describe() plugins.Info {
	return plugins.Info{
		Kind:         plugins.Storage,
		Name:         Name,
		Version:      version,
		Protocols:    []uint32{plugins.ProtocolVersion},
		Capabilities: []plugins.Capability{storage.CapabilitySpace},
		ConfigSchema: []byte(configSchema),
	}
}

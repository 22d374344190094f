package quictransport

import (
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/shell"
)

// Name is what the host's configuration calls this backend.
const Name = "quic"

// Version is the backend's own version.
const Version = "0.1.0"

// Backend describes this backend to the catalog and to sdk.Serve.
func Backend() backend.Backend { return backend.Transport(Name, New) }

// New returns a transport that is not open yet.
func New(env backend.Env) transport.Transport {
	return shell.New(env, Name, Version, configSchema(), newTiming, newEndpoint)
}

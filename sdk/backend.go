package sdk

import (
	"io"

	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Env is what a backend gets from its process.
type Env = backend.Env

// Backend is one implementation of a contract.
type Backend = backend.Backend

// MetricsWriter may be implemented by a backend of any kind.
type MetricsWriter interface {
	// WriteMetrics writes the metrics in Prometheus text format, at most
	// 1 MiB. It may be called at any time and returns quickly. Names begin
	// with "pontoon_" and the kind for shipped backends, with anything of the
	// author's choice for others.
	WriteMetrics(w io.Writer) error
}

// Storage describes a storage plugin called name. create is called once.
func Storage(name string, create func(Env) storage.Storage) Backend {
	return backend.Storage(name, create)
}

// Transport describes a transport plugin called name. create is called once.
func Transport(name string, create func(Env) transport.Transport) Backend {
	return backend.Transport(name, create)
}

// StateMachine describes a state machine plugin called name. create is called
// once.
func StateMachine(name string, create func(Env) statemachine.StateMachine) Backend {
	return backend.StateMachine(name, create)
}

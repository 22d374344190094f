// Package backend describes a plugin's implementation to the code that runs
// it: the catalog, for the backends shipped in the host's own binary, and
// sdk.Serve, for a plugin's main.
package backend

import (
	"log/slog"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Env is what a backend gets from its process.
type Env struct {
	// Logger goes to the host's log, with the plugin's kind, name and pid.
	Logger *slog.Logger
}

// Backend is one implementation of a contract. Exactly one of the New fields
// is set, the one of its kind.
type Backend struct {
	Kind            plugins.Kind
	Name            string
	NewStorage      func(Env) storage.Storage
	NewTransport    func(Env) transport.Transport
	NewStateMachine func(Env) statemachine.StateMachine
}

// Storage describes a storage backend.
func Storage(name string, create func(Env) storage.Storage) Backend {
	return Backend{Kind: plugins.Storage, Name: name, NewStorage: create}
}

// Transport describes a transport backend.
func Transport(name string, create func(Env) transport.Transport) Backend {
	return Backend{Kind: plugins.Transport, Name: name, NewTransport: create}
}

// StateMachine describes a state machine backend.
func StateMachine(name string, create func(Env) statemachine.StateMachine) Backend {
	return Backend{Kind: plugins.StateMachine, Name: name, NewStateMachine: create}
}

package main

import (
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/kv"
	"github.com/pontoon-raft/pontoon/plugins/storage/memory"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
	httptransport "github.com/pontoon-raft/pontoon/plugins/transport/http"
	quictransport "github.com/pontoon-raft/pontoon/plugins/transport/quic"
)

// backends are the plugins shipped in this binary.
func backends() []backend.Backend {
	return []backend.Backend{
		httptransport.Backend(), quictransport.Backend(), wal.Backend(), memory.Backend(), kv.Backend(),
	}
}

// configChecks say of the sections of shipped transports, by their names, what can
// be said without opening them.
func configChecks() map[string]func(section []byte, cluster, node uint64) error {
	return map[string]func([]byte, uint64, uint64) error{
		"http": httptransport.CheckConfig, "quic": quictransport.CheckConfig,
	}
}

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

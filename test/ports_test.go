//go:build linux

package e2e

import (
	"testing"

	"github.com/pontoon-raft/pontoon/internal/loopback"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// ports are those of all nodes of this run.
var ports loopback.Ports

// freeAddress returns an address on loopback on which no program listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	return live.FreeAddress(t, &ports)
}

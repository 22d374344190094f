//go:build linux

package e2e

import (
	"testing"

	"github.com/pontoon-raft/pontoon/internal/loopback"
)

// ports are those of all nodes of this run.
var ports loopback.Ports

// freeAddress returns an address on loopback that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	address, err := ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

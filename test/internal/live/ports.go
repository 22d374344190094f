//go:build linux

package live

import (
	"testing"

	"github.com/pontoon-raft/pontoon/internal/loopback"
)

// FreeAddress returns one of the addresses on loopback on which no program listens.
func FreeAddress(t testing.TB, ports *loopback.Ports) string {
	t.Helper()
	address, err := ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

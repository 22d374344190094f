package httptransport

import (
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls/peertlstest"
)

// Connections of members end with the authority of the other end's certificate.
func TestConnectionsOfMembersEndWithTheirAuthority(t *testing.T) {
	peertlstest.RunReplaced(t, func() transport.Transport { return New(backend.Env{}) }, func(address string) string { return "https://" + address })
}

package httptransport

import "github.com/pontoon-raft/pontoon/plugins/transport"

// SetPeers implements shell.Endpoint.
func (e *endpoint) SetPeers(set transport.PeerSet) error {
	broken, err := e.Change(set)
	for _, id := range broken {
		e.renew(id)
	}
	return err
}

package httptransport

import "github.com/pontoon-raft/pontoon/plugins/transport"

// SetPeers implements shell.Endpoint. It makes set what the endpoint knows of others, and of its node. The
// book has it first: what is begun with what was there before is found by
// renew, or finds out itself (Book.Stands).
func (e *endpoint) SetPeers(set transport.PeerSet) error {
	broken := e.book.Set(set)
	e.desk.Set(set)
	e.unverified()
	e.reach.Set(set)
	err := e.roster.Set(set)
	for _, id := range broken {
		e.renew(id)
	}
	return err
}

package quictransport

import "github.com/pontoon-raft/pontoon/plugins/transport"

// SetPeers implements shell.Endpoint.
func (e *endpoint) SetPeers(set transport.PeerSet) error {
	before := e.Book.Self()
	broken, err := e.Change(set)
	for _, id := range broken {
		if p := e.Roster.Get(id); p != nil {
			p.renew()
		}
	}
	for id, p := range e.Roster.Named() {
		if p.link.Load() != nil {
			e.Book.Named(id)
		}
	}
	if before != set.Self {
		for _, p := range e.Roster.All() {
			p.announceSelf()
		}
	}
	return err
}

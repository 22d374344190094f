package quictransport

import "github.com/pontoon-raft/pontoon/plugins/transport"

// SetPeers implements shell.Endpoint. It makes set what the endpoint knows of others, and of its node. The
// book has it first: what is begun with what was there before is found by
// renew, or finds out itself (link.keep).
func (e *endpoint) SetPeers(set transport.PeerSet) error {
	before := e.book.Self()
	broken := e.book.Set(set)
	e.desk.Set(set)
	e.unverified()
	e.reach.Set(set)
	err := e.roster.Set(set)
	for _, id := range broken {
		if p := e.roster.Get(id); p != nil {
			p.renew()
		}
	}
	for id, p := range e.roster.Named() {
		if p.link.Load() != nil {
			e.book.Named(id)
		}
	}
	if before != set.Self {
		for _, p := range e.roster.All() {
			p.announceSelf()
		}
	}
	return err
}

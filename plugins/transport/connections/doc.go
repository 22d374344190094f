// Package connections makes a transport.Transport of connections. A backend brings a
// Network, which dials and listens, and this package does the rest of the contract: the
// greetings, the queues, the reports, snapshots, and the end. The backend chooses the carrier
// of the connections: TCP, a socket of the system, a tunnel.
//
// A node dials each peer twice, for control messages and for all others, and is dialled for
// what it gets; a snapshot has a connection of its own. The bytes are those of
// docs/formats/connections.md. Callers prove nothing (EVENT_UNVERIFIED), unless the
// network is Secured: it names certificates of members then.
//
// node.go has the contract, peer.go what is dialled, accept.go what is accepted, places.go how much; both make
// a link (link.go) once hello.go has judged the greetings. snapshot.go has snapshots, tls.go certificates.
package connections

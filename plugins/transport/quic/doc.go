// Package quictransport is the transport backend "quic": one QUIC connection
// for each pair of members, with a stream for each class of messages and one
// for each snapshot. docs/formats/quic.md lays it down byte by byte.
//
// Who runs where, for each peer:
//
//   - a dialer, which makes a connection whenever there is none. The peer has
//     one too; which of two connections stays is settled by the ids.
//   - a link for the connection there is: three channels, each with a queue
//     and a writer, and a reader for each stream of the peer. All of it lives
//     exactly as long as the connection, so nothing can outlive it (statement
//     B5), and a new link begins only when the last one has ended.
//
// Send puts a message into one of these queues, never waits, and reports what
// it had to drop. Snapshots are streams of their own on the same connection:
// QUIC's flow control is for each stream, so none holds another one up. All
// reports to the host leave through one reporter.
//
// The files, in the order in which a message meets them:
//
//   - transport.go, config.go, timing.go: the backend, its section of the configuration,
//     and every duration;
//   - endpoint.go, peerset.go, peer.go: an open transport, and the members that it speaks
//     to;
//   - dialler.go, addresses.go: a connection is made; listener.go, socket.go, doors.go: one
//     is accepted, within bounds; security.go: TLS for both;
//   - greeting.go, meeting.go, admission.go, learned.go: what both ends say of themselves,
//     whether the caller is heard, and what is learned of it;
//   - link.go: the connection of two members while it lasts;
//   - channel.go, frame.go, owed.go: messages are queued and written, and it is noticed
//     when the peer acknowledges none of them;
//   - receive.go: messages are read and delivered;
//   - snapshot_send.go, snapshot_receive.go, snapshot_body.go: snapshots;
//   - ping.go: the question which member is at a URL;
//   - facts.go: what is known of each peer, and its metrics.
package quictransport

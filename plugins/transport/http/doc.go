// Package httptransport is the transport backend "http": streams for
// messages, a pipeline of POST requests as their fallback, and snapshots on
// requests of their own. It speaks the wire protocol of etcd's rafthttp,
// which docs/formats/rafthttp.md lays down byte by byte.
//
// Who runs where, for each peer:
//
//   - two of streamReader, one for each kind of stream. A reader dials the peer,
//     decodes what arrives and delivers it in batches. It redials no sooner
//     than timing.Redial after the last attempt.
//   - up to two of streamWriter, one for each stream that the peer has dialled.
//     Each runs on its request's goroutine and owns a queue that lives exactly
//     as long as the connection, so nothing can outlive it (statement B5).
//   - a pipeline of up to four workers, which exist only while there is work.
//
// Send puts a message into one of these queues, never waits, and reports what
// it had to drop. All reports to the host leave through one reporter.
//
// The files, in the order in which a message meets them:
//
//   - transport.go, config.go, timing.go: the backend, its section of the configuration,
//     and every duration;
//   - endpoint.go, identity.go, peerset.go, peer.go: an open transport, who it is, and the
//     members that it speaks to;
//   - clients.go, security.go: the connections that it dials, and TLS on all of them;
//   - stream_writer.go, chunks.go, pipeline.go: the queues of Send, and their writers;
//   - frame_message.go, frame_msgapp.go, frame_entries.go: the bytes of each kind of
//     stream, in both directions; old_terms.go, old_peers.go: what members of
//     etcd 2.0 need;
//   - listener.go, connections.go, handshakes.go, deadline.go, socket_linux.go,
//     socket_other.go: inbound connections, and the bounds of their number and time;
//   - server.go, webpage.go: the requests of peers, and those of browsers, which are
//     refused;
//   - callers.go, admission.go, greeting.go, remotes.go: whether a caller is heard, what
//     both ends say of themselves, and what is learned of a caller;
//   - stream_reader.go, frame_reader.go, pipeline_serve.go: messages come in,
//     within a bound on what is read at one time;
//   - window.go, snapshot_send.go, transfer_send.go: a snapshot goes out, whole or in
//     parts; snapshot_receive.go, transfer.go, transfer_serve.go: it comes in;
//   - ping.go, prober.go, renewal.go: questions to a peer, and new connections to it;
//   - facts.go, facts_families.go: what is known of each peer, and its metrics.
package httptransport

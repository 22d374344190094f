// Package httptransport is the transport backend "http": streams for
// messages, a pipeline of POST requests as their fallback, and snapshots on
// requests of their own. It speaks the wire protocol of etcd's rafthttp,
// which docs/formats/rafthttp.md lays down byte by byte.
//
// Who runs where, for each peer:
//
//   - two of streamReader, one for each kind of stream. A reader dials the peer,
//     decodes what arrives and delivers it in batches. It redials no sooner
//     than timing.redial after the last attempt.
//   - up to two of streamWriter, one for each stream that the peer has dialled.
//     Each runs on its request's goroutine and owns a queue that lives exactly
//     as long as the connection, so nothing can outlive it (statement B5).
//   - a pipeline of up to four workers, which exist only while there is work.
//
// Send puts a message into one of these queues, never waits, and reports what
// it had to drop. All reports to the host leave through one reporter.
package httptransport

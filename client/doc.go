// Package client is the Go client of a Pontoon cluster: it speaks
// api/host/v1 to any of its members.
//
// A Client is made once and shared by all goroutines. All concurrent Propose
// calls share one stream to one member, the leader if it can be found: all
// proposals that wait when the stream can take more travel as one batch. No timer
// holds a proposal back.
//
// What became of a proposal is always one of three things:
//
//   - it was applied: err is nil, and Result is the state machine's answer,
//     which may be a refusal of its own (Result.Error);
//   - it was not applied: IsNotApplied(err). The client has retried already,
//     until the deadline, where that made sense;
//   - it is unknown: IsUnknown(err). It may have been applied or may still
//     be. The client never retries these, because that could apply a proposal
//     twice; only the caller knows whether that matters.
//
// Queries and other reads are retried in every case.
//
// The files, in the order in which a proposal meets them:
//
//   - options.go, client.go: what a client is made of, and its calls; tls.go, token.go: how
//     it proves who it is, and how the host does;
//   - conns.go, link.go, handshake.go: the connections to members, and why one failed;
//   - session.go, hints.go, renew.go: the member that gets the proposals, and a new stream
//     when the token is a new one;
//   - waiter.go, pacing.go: a call that waits, and how long after a host had no room;
//   - pipeline.go, table.go, pipeline_write.go, wire.go, pipeline_end.go: one stream, the
//     proposals on it, their bytes, and its end;
//   - unary.go, members.go, plugins.go, events.go: requests of one answer, which go from member to member;
//   - querystream.go: queries whose answer comes in chunks; readsnapshot.go: a snapshot of a member;
//   - errors.go: what is known of a request that failed.
package client

// Package client is the Go client of a Pontoon cluster: it speaks
// api/host/v1 to any of its members.
//
// A Client is made once and shared by all goroutines. All concurrent Propose
// calls share one stream to one member, the leader if it can be found: all
// proposals that wait when the stream can take more travel as one batch. There
// is no timer that holds a proposal back.
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
package client

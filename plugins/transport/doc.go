// Package transport is the contract of transport plugins: a transport carries
// messages and snapshots between the nodes of a cluster.
//
// Raft allows messages to be lost, delayed and reordered, so a transport
// promises little; but what it does promise holds always:
//
//   - A message is delivered unchanged, to the node it names, or not at all.
//   - Every message that is dropped is followed by an Unreachable report for
//     its receiver (one report may stand for many messages). Law 7.
//   - A message accepted before a connection broke is not delivered after the
//     connection is back (statement B5: it is outdated). Accepted means that
//     Send was called, wherever the message is then: a message that is on its
//     way to a plugin when it hears that a connection broke, the plugin drops
//     and reports. One gap is left: a message that reaches the transport after
//     its connection broke, but before the transport has noticed and said so,
//     may go out on the next connection. Raft tolerates it, as any delayed
//     message.
//   - A snapshot never travels on a stream of other messages, nor holds one up,
//     and every SendSnapshot ends in exactly one result (statement B6).
//   - Large appends never hold up control messages for long, and no slow peer
//     holds up another one.
//   - Two members whose greetings do not fit (Greeting.Judge) exchange nothing
//     but these greetings, on no channel, and both hosts are told.
//   - Bytes from the network never crash it; limits hold before allocation.
//
// The payload of an Envelope is one encoded pluginv1.Message. A transport may
// read it, as one that speaks another system's wire protocol must, but need
// not.
//
// The rules that bind a transport in any language, with their numbers, are in
// docs/plugins/protocol-transport.md; the comments here say the same for Go.
package transport

// Package transporttest is the conformance kit of transports, and their
// in-memory reference.
//
// Run puts a transport to the test through the contract alone, so the same
// kit serves a backend used directly, one behind the RPC layer, and one in a
// process of its own. Each file of the kit is about one concern of the
// contract.
//
// There are two faulty networks, for this kit and for any other test.
//
// NewNetwork makes a network of transports that live in memory and whose
// faults a test sets: links are cut, messages dropped, or held back until the
// test lets them go, one by one (delay, throttle) or in another order. Nothing in
// it depends on time, so it works under testing/synctest and in simulations.
//
// NewRelay stands in front of a real TCP listener on loopback, and stalls,
// delays, throttles, cuts or breaks the connections through it, also after so
// many bytes.
//
// The files of the kit, from one message to whole connections:
//
//   - harness.go, members.go: Run and RunMembers, and what they need to make transports;
//   - cluster.go, recorder.go, message.go: the nodes of a test, a handler that keeps what it
//     gets, and messages to send;
//   - describe.go, limits.go: what a transport says of itself, and what it refuses;
//   - delivery.go, loss.go: messages arrive in order, or are reported lost;
//   - snapshot.go, resume.go, tap.go: snapshots, also those that stop in the middle;
//   - peers.go, greetings.go, ping.go, strangers.go: which nodes are spoken to and heard;
//   - reconnect.go: connections that break and come back;
//   - closing.go: the end;
//   - ledger.go: a handler that keeps when messages came or were reported lost, for the
//     backends' own tests.
//
// The files of the reference, in the order in which a message meets them:
//
//   - network.go, endpoint.go: the network in memory and its transports;
//   - meeting.go: two of them greet each other;
//   - delay.go, incoming.go: messages and snapshots on their way.
//
// The relays are in relay.go and, for UDP, in relay_udp.go.
package transporttest

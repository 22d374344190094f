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
package transporttest

// Package storagetest is the conformance kit of storage backends and the
// in-memory reference that they are compared with.
//
// Run checks everything the contract in package storage promises. The same
// body runs against a backend called directly, against an RPC client, and
// against a plugin process: the differences are in the Harness.
//
//	func TestConformance(t *testing.T) {
//		storagetest.Run(t, storagetest.Harness{New: ..., Kill: ...})
//	}
//
// TestMutants proves that the kit finds faults: it runs it on stores with one
// fault each.
//
// A CrashWorkload is for a backend whose file system can be crashed at any
// operation: its CrashHistory judges what is left.
//
// Disk and Memory are the reference: a store without files, small enough to
// be read as a specification, which is also what the tests of core use.
//
// The files, in the order in which a store meets them:
//
//   - run.go, expect.go: Run, the session of one test with its store, and what a test
//     writes and expects;
//   - storeid.go, lock.go, hardstate.go: a store that is opened, by one process, and its
//     hard state;
//   - append.go, inflight.go, conflict.go, limits.go: entries are appended, read before
//     they are durable, and replaced, and what is out of bounds is refused;
//   - snapshot.go, install.go, compact.go: snapshots are saved, a received one takes the
//     place of the log, and the head of the log is given up;
//   - space.go: the store says when there is little room;
//   - concurrent.go, model.go: all of that at the same time, and in random order against
//     the reference;
//   - reopen.go: the end, and the next life;
//   - crashworkload.go, crashrandom.go, crashlog.go: steps before a crash, and the log
//     that they must leave; crashfindings.go, crashhistory.go: what a crash has left, and
//     whether it may be so;
//   - bench.go: the same benchmarks for all stores;
//   - memory.go: the reference;
//   - damaged.go: a snapshot with a wrong checksum, for tests of other packages.
package storagetest

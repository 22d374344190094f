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
package storagetest

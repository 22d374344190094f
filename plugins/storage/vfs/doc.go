// Package vfs is the seam between a store and the file system: few operations,
// each with its durability spelt out, so that a test can put a file system under
// the store that loses everything it is allowed to lose.
//
// A backend takes an FS, and gets one of two:
//
//   - OS, rooted at a directory that no name leads out of;
//   - Mem, for tests: files in memory, which can crash at any moment with any subset
//     of what was not synced, and whose calls can be made to fail.
//
// Overlay and Sub are made of another FS: one keeps all changes in memory, which is
// how a program looks at a directory without changing it, the other is a
// subdirectory.
//
// # Durability
//
// In all of them these outlive a crash of the machine, and nothing else does:
//
//   - written bytes and a file's size, after Sync or SyncAll of the file returned
//     without an error;
//   - a name (Create, Mkdir, Rename, Remove), after SyncDir of its directory.
//
// So a new file is written, synced, renamed to its final name, and its directory
// synced, in this order: PutInPlace is the last two steps, Replace all of them. A crash
// of the process alone takes nothing that was written.
//
// After a Sync that failed nothing is known of what it should have made
// durable, and calling it again proves nothing: the kernel has marked the
// pages clean. A Sync of Mem that is made to fail behaves like that.
//
// # Walking the package
//
// From the interfaces down to the system, and then what takes its place:
//
//   - vfs.go: the two interfaces, and what each call makes durable;
//   - makedir.go, place.go: what callers would else write themselves;
//   - full.go, with full_unix.go and full_other.go: whether an error says that there is
//     not enough room;
//   - os.go: OS. Each system has its own way to lock a file (lock_linux.go, lock_bsd.go,
//     lock_other.go), to sync and preallocate one (sync_linux.go, sync_other.go), and to
//     tell how much room there is (free_unix.go, free_other.go);
//   - mem.go, mem_file.go: Mem; mem_crash.go, mem_fault.go: its crashes and failures;
//   - overlay.go, sub.go: Overlay and Sub.
package vfs

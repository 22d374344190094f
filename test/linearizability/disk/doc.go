// Package disk disturbs the file system of one storage plugin while it runs: its
// syncs stall, and it is full. Another process, the test, decides when, by a
// Switch for each. Package disk/plugin is the storage plugin `wal` on such a
// disk.
package disk

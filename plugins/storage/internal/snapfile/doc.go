// Package snapfile keeps a store's snapshots as files: one file each, in the
// format of docs/formats/snapshot.md, beside whatever the backend has for its
// log. Backends with files share it.
//
// A Shelf writes to a temporary name, syncs, renames and syncs the directory;
// it keeps the newest two visible snapshots, and received ones aside until
// they are installed. It verifies on load and while reading, and sweeps what a
// crash left. The log is the backend's: the shelf asks it for nothing but its
// State, and for the record that makes an installation true.
package snapfile

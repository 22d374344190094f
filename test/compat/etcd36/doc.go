// Package etcd36 holds the http transport against etcd 3.6's own rafthttp, a
// program that is not part of this project, as the other end. Run it with make
// test-compat; make bench-transport measures one against the other.
package etcd36

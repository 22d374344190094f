// Package hostile attacks a cluster of three real hosts, which takes writes all
// the while, by each of its ports, and judges every attack alike: the cluster
// serves soon after it, nothing acknowledged is lost, no host grows beyond its
// bound, no plugin is killed, and leadership moves no more often than the attack's
// row says. All of it stays on loopback and has an end.
//
// go test runs each attack for a moment; with -hostile.full each has its whole
// length and size (make test-hostile). A table of figures is logged at the end.
package hostile

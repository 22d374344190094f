// Package loopback finds ports for programs that are told where to listen:
// the nodes of a demo, of a benchmark, of a test.
package loopback

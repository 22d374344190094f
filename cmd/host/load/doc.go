// Package load puts a closed loop of clients on a cluster and measures it:
// each client has one operation on its way at any time and begins the next
// when that is answered.
package load

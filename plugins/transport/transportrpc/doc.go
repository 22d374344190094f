// Package transportrpc carries the transport contract over gRPC.
//
// Client is the host's end. It implements transport.Transport and is a facade:
// all that the plugin sends is checked against the contract, and what the
// contract rules out ends the connection with plugins.ErrBadAnswer. Done tells
// when the plugin can no longer deliver anything.
//
// Register is the plugin's end: it serves a backend. All that the
// backend delivers goes into a queue that is bounded in bytes and never blocks the
// backend; everything that waits when the stream is free goes out as one
// message.
package transportrpc

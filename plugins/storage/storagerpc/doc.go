// Package storagerpc carries the storage contract over gRPC.
//
// Client is the host's end. It implements storage.Storage and
// storage.Streamer, and is a facade: an answer that the contract rules out
// becomes plugins.ErrBadAnswer with the numbers that were wrong.
//
// Register is the plugin's end: it serves a backend. Batches of the Append
// stream go through storage.NewAppender, so that whatever waits while one
// sync runs shares the next.
package storagerpc

// Package frames carries the streams of a plugin as length-prefixed
// protobuf messages on unix connections of their own, beside the plugin's gRPC
// connection and on the same socket.
//
// Nothing above notices: the host's Conn is a grpc.ClientConnInterface that
// takes such streams for itself and leaves everything else to gRPC, and the
// plugin's Server is a grpc.ServiceRegistrar that serves the same
// implementation. BenchmarkAppendSmall of package storagerpc measures what it
// saves: a message is written by the goroutine that sends it and read by the
// one that receives it, where gRPC hands it over twice in between.
//
// The format is in docs/formats/frames.md.
package frames

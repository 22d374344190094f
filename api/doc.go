// Package api holds the wire of Pontoon: plugin/v1 between host and plugins,
// host/v1 between clients and hosts, kv/v1 the commands of the kv state
// machine. Their Go code is generated from the .proto files in pontoon/, by the
// program in generate.
package api

//go:generate go run ./generate -api .

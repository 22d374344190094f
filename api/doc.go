// Package api holds the wire of Pontoon: plugin/v1 between host and plugins,
// host/v1 between clients and hosts, kv/v1 the commands of the kv state
// machine. Everything below it but the .proto files is generated.
package api

//go:generate go run ./generate -api .

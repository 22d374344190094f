// Package api serves a host to its clients: api/host/v1 as gRPC and as JSON
// over HTTP/1.1 on one port, and health, metrics and profiles on another.
//
// It turns messages into calls of server.Service and errors into answers, and
// keeps no state of the cluster. Its caller's duties, in this order:
//
//  1. New, then Listen, then Serve in a goroutine of its own.
//  2. Drain when the host begins to stop: new requests are refused as not
//     applied, while those in flight go on.
//  3. Stop the service, which answers everything in flight.
//  4. Stop, which delivers those answers and closes the listeners.
//
// This is the one place where errors get codes for clients: see errors.go.
// Every refused request says whether it was not applied, unknown or applied.
// A Proposals stream that ends with a Failure whose outcome is not applied
// says so of every proposal on it that got no answer.
package api

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
// This is the one place where errors get codes for clients.
// Every refused request says whether it was not applied, unknown or applied.
// A Proposals stream that ends with a Failure whose outcome is not applied
// says so of every proposal on it that got no answer.
//
// The files, in the order in which a request meets them:
//
//   - options.go, server.go, listen.go, security.go: the server, its limits, its two ports
//     and their TLS; authorities.go: connections whose authorities have gone;
//   - descriptors.go: how many connections fit the descriptors of the process;
//   - splitter.go, handshake.go, branch.go, clientconn.go: a connection is accepted, makes
//     its handshake, and goes to the server of the protocol that it speaks;
//   - reserved.go, reservedserver.go: the connections that are kept free for operators;
//   - frames.go, directions.go, messages.go, unread.go: the HTTP/2 frames of a connection
//     are followed in both directions; meter.go, meters.go, waste.go: the bytes that they
//     have the host keep are counted, and the connection that costs most is cut off;
//   - grpc.go, codec.go, buffers.go: requests of gRPC;
//   - json.go, hostnames.go, pace.go: requests of HTTP/1.1;
//   - identity.go, needs.go, policy.go, clientlimits.go, classes.go: the client of a
//     request, the role that it needs, and the limits of that client;
//   - audited.go, auditedstream.go, auditedrefusals.go: what goes into the audit log;
//   - client.go, pool.go, bounds.go: room for the request among those of all clients;
//   - requests.go, plugins.go, storagemove.go, convert.go: calls of the service with one answer each;
//   - readsnapshot.go: a snapshot on its way to a client;
//   - hostevents.go: what has happened in the host;
//   - querystream.go, bodystream.go, jsonlines.go, events.go: those whose answer comes in
//     chunks;
//   - proposals.go, proposal_head.go, proposal_wire.go, admit.go, refusals.go, crowd.go: a
//     Proposals stream, its batches, and the proposals for which there is no room;
//   - answers.go, result_wire.go, unsent.go, slowclients.go: its answers, and clients that
//     do not read them;
//   - parts.go, jsonanswer.go, handing.go, handed.go: answers on their way out, and the
//     room that large ones take until they are written;
//   - errors.go: the codes and outcomes that a client is told;
//   - ending.go, stop.go: draining and the end;
//   - admin.go, adminport.go, health.go, counts.go: the admin port, health for both ports,
//     and the metrics of the client port.
//
// A file named after a system has what the others do in another way.
package api

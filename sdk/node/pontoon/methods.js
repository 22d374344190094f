'use strict'

// The methods of a state machine by their paths. Those of the service Plugin are served by
// the thread that has the socket (session.js).

function methodsOf (core) {
  const unary = {}
  const reads = { reads: true }
  const writes = { writes: true }
  const both = { reads: true, writes: true }
  const rows = [
    ['Open', unary, 'StateMachineOpenRequest', 'StateMachineOpenResponse', r => core.open(r)],
    ['Apply', both, 'ApplyRequest', 'ApplyResponse', requests => core.applier.apply(requests)],
    ['Query', unary, 'QueryRequest', 'QueryResponse', (r, call) => core.querier.query(r, call)],
    ['QueryStream', writes, 'QueryStreamRequest', 'QueryStreamChunk', (r, call) => core.querier.queryStream(r, call)],
    ['SaveSnapshot', writes, 'StateSnapshotRequest', 'StateSnapshotChunk', (r, call) => core.views.save(r, call)],
    ['Restore', reads, 'RestoreRequest', 'RestoreResponse', (requests, call) => core.restorer.restore(requests, call)],
    ['Sync', unary, 'StateSyncRequest', 'StateSyncResponse', r => core.sync(r)],
    ['Close', unary, 'CloseRequest', 'CloseResponse', r => core.close(r)]
  ]
  return Object.fromEntries(rows.map(([name, shape, request, response, serve]) =>
    [`/pontoon.plugin.v1.StateMachine/${name}`, { name, ...shape, request, response, serve }]))
}

module.exports = { methodsOf }

'use strict'

// The methods of a state machine.

const { shapes, tableOf } = require('./service')

function methodsOf (core) {
  const { unary, reads, writes, both } = shapes
  return tableOf('StateMachine', [
    ['Open', unary, 'StateMachineOpenRequest', 'StateMachineOpenResponse', r => core.open(r)],
    ['Apply', both, 'ApplyRequest', 'ApplyResponse', requests => core.applier.apply(requests)],
    ['Query', unary, 'QueryRequest', 'QueryResponse', (r, call) => core.querier.query(r, call)],
    ['QueryStream', writes, 'QueryStreamRequest', 'QueryStreamChunk', (r, call) => core.querier.queryStream(r, call)],
    ['SaveSnapshot', writes, 'StateSnapshotRequest', 'StateSnapshotChunk', (r, call) => core.views.save(r, call)],
    ['Restore', reads, 'RestoreRequest', 'RestoreResponse', (requests, call) => core.restorer.restore(requests, call)],
    ['Sync', unary, 'StateSyncRequest', 'StateSyncResponse', r => core.sync(r)],
    ['Close', unary, 'CloseRequest', 'CloseResponse', r => core.close(r)]
  ])
}

module.exports = { methodsOf }

'use strict'

// The methods of a transport.

const { shapes, tableOf } = require('../service')
const { ping } = require('./ping')

function methodsOf (core) {
  const { unary, reads, itself } = shapes
  return tableOf('Transport', [
    ['Open', unary, 'TransportOpenRequest', 'TransportOpenResponse', r => core.open(r)],
    ['SetPeers', unary, 'SetPeersRequest', 'SetPeersResponse', r => core.setPeers(r)],
    ['Raft', itself, 'RaftOutbound', 'RaftInbound', call => core.raft.serve(call)],
    ['SendSnapshot', reads, 'SendSnapshotRequest', 'SendSnapshotResponse', (requests, call) => core.sending.serve(requests, call)],
    ['ReceiveSnapshot', itself, 'ReceiveSnapshotRequest', 'ReceiveSnapshotResponse', call => core.receiving.serve(call)],
    ['Ping', unary, 'PingRequest', 'PingResponse', (r, call) => ping(core, r, call)],
    ['Close', unary, 'CloseRequest', 'CloseResponse', r => core.close(r)]
  ])
}

module.exports = { methodsOf }

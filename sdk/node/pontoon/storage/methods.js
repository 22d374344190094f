'use strict'

// The methods of a storage.

const { shapes, tableOf } = require('../service')

function methodsOf (core) {
  const { unary, reads, writes, itself } = shapes
  return tableOf('Storage', [
    ['Open', unary, 'StorageOpenRequest', 'StorageOpenResponse', r => core.open(r)],
    ['Append', itself, 'AppendRequest', 'AppendResponse', call => core.appender.serve(call)],
    ['Read', writes, 'ReadRequest', 'ReadResponse', r => core.read(r)],
    ['Compact', unary, 'CompactRequest', 'CompactResponse', r => core.compact(r)],
    ['SaveSnapshot', reads, 'SaveSnapshotRequest', 'SaveSnapshotResponse', (requests, call) => core.snapshots.save(requests, call)],
    ['OpenSnapshot', writes, 'OpenSnapshotRequest', 'OpenSnapshotResponse', r => core.snapshots.open(r)],
    ['ListSnapshots', unary, 'ListSnapshotsRequest', 'ListSnapshotsResponse', r => core.list(r)],
    ['InstallSnapshot', unary, 'InstallSnapshotRequest', 'InstallSnapshotResponse', r => core.install(r)],
    ['Space', unary, 'SpaceRequest', 'SpaceResponse', r => core.space(r)],
    ['Close', unary, 'CloseRequest', 'CloseResponse', r => core.close(r)]
  ])
}

module.exports = { methodsOf }

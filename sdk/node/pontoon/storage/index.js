'use strict'

// Runtime of Pontoon's plugins in Node: storages.
//
// An author writes a log, and hands a function that makes one to serve:
//
//     storage.serve(() => new EntryLog(), { name: 'tape', version: '1.0.0' })
//
// docs/plugins/node.md says what each method is given and must return. The runtime has all of
// a storage that is not the log: the calls, what the protocol forbids, the lock of the
// directory, the snapshots in files of their own, and the end after a failure.

const { decode, encode } = require('../codec')
const { InvalidConfig } = require('../errors')
const launch = require('../launch')
const { Store } = require('./core')
const { Corrupt, NoSpace } = require('./errors')
const { putInPlace, syncDirectory, writeAll } = require('./files')
const { LogState } = require('./logstate')

const kind = {
  text: 'storage',

  // configSchema is a JSON Schema of the config section; without one, a section is refused.
  describe: (log, { name, version, configSchema, requires }) => ({
    kind: 'storage',
    name,
    version,
    protocols: [1],
    capabilities: log.space ? ['space'] : [],
    configSchema: configSchema ? Buffer.from(configSchema) : undefined,
    requires
  }),

  check (log, options, make) {
    if (typeof make !== 'function') throw new TypeError('serve takes a function that makes a log: each Open has one of its own')
    for (const method of ['open', 'append', 'read', 'replace', 'close']) {
      if (typeof log[method] !== 'function') throw new TypeError(`the log has no method ${method}`)
    }
  },

  core: (log, description, make) => new Store(description, make, log)
}

function serve (make, options) {
  launch.serve(kind, make, options)
}

// encodeBatch and decodeBatch are the form in which a batch comes, for the disk.
function encodeBatch ({ entries, hardState }) {
  return encode('AppendRequest', { entries, hardState })
}

function decodeBatch (bytes) {
  const { entries, hardState } = decode('AppendRequest', bytes)
  return { entries, hardState }
}

module.exports = { Corrupt, InvalidConfig, LogState, NoSpace, decodeBatch, encodeBatch, putInPlace, serve, syncDirectory, writeAll }

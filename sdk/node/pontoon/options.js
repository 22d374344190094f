'use strict'

// What an Open says: limits, ids and the config section.

const { InvalidConfig } = require('./errors')

// Limits of an Open; 0 stands for the constants of the protocol (P-31).
function limitsOf (given = {}) {
  const entry = given.maxEntryBytes || (32 << 20) + (4 << 10)
  const chunk = given.maxChunkBytes || 1 << 20
  const batch = given.maxBatchBytes || 16 << 20
  return {
    entry,
    chunk,
    batch,
    sendBatch: Math.min(given.sendBatchBytes || batch, batch),
    sendChunk: Math.min(given.sendChunkBytes || chunk, chunk),
    message: Math.max(entry, batch, chunk, 1 << 20) + batch + (64 << 10)
  }
}

// optionsOf are the options as an author is given them.
function optionsOf (options) {
  return { ...options, clusterId: BigInt(options.clusterId), nodeId: BigInt(options.nodeId) }
}

// checkSection refuses a config section of a plugin that takes none (P-20).
function checkSection ({ config }, { configSchema, name }) {
  if (!configSchema && hasKeys(config)) throw new InvalidConfig(`${name} takes no config`)
}

// hasKeys tells whether a config section has more than comments.
function hasKeys (config) {
  const lines = config.toString().split('\n').map(line => line.trim())
  return !['', '{}', 'null'].includes(lines.filter(line => !line.startsWith('#')).join(''))
}

module.exports = { checkSection, limitsOf, optionsOf }

'use strict'

// Errors of a storage.

const { failure } = require('../errors')

// Bytes of the disk are not those that were written, or are gone. The host ends.
class Corrupt extends failure('CORRUPT', 'DATA_LOSS') {}
class NoSpace extends failure('NO_SPACE', 'RESOURCE_EXHAUSTED') {}
class Compacted extends failure('COMPACTED', 'OUT_OF_RANGE') {}
class EntriesUnavailable extends failure('ENTRIES_UNAVAILABLE', 'OUT_OF_RANGE') {}
class NoSnapshot extends failure('NO_SNAPSHOT', 'NOT_FOUND') {}

// Locked is ST-2.
class Locked extends failure('LOCKED', 'FAILED_PRECONDITION') {
  constructor (path, holder) {
    super(`${path} is locked by ${holder}`)
    this.metadata = { path, holder }
  }
}

// spaceError is what the host is told of an error: one of a full disk says so.
function spaceError (error) {
  return ['ENOSPC', 'EDQUOT'].includes(error.code) ? new NoSpace(String(error), { cause: error }) : error
}

module.exports = { Compacted, Corrupt, EntriesUnavailable, Locked, NoSnapshot, NoSpace, spaceError }

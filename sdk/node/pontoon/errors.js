'use strict'

// Errors of calls, and their way to the host: a code, a text and the reason.

const { encode } = require('./codec')

const DOMAIN = 'pontoon.plugin.v1'
const MAX_TEXT = 4 << 10 // P-37
const CODES = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  NOT_FOUND: 5,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  UNAVAILABLE: 14,
  DATA_LOSS: 15
}

// PluginError has a reason that the host acts on (P-35), and may have metadata.
class PluginError extends Error {
  get name () { return this.constructor.name }
}

// failure makes a class of errors with a reason and a code.
function failure (reason, code) {
  return class extends PluginError {
    get reason () { return reason }
    get code () { return CODES[code] }
  }
}

// Of open: the config section cannot be used. The host ends, and shows the text.
class InvalidConfig extends failure('INVALID_CONFIG', 'INVALID_ARGUMENT') {}
// Of open: the data belongs to another cluster or node. The host ends.
class WrongIdentity extends failure('WRONG_IDENTITY', 'FAILED_PRECONDITION') {}
// Of query and queryStream: the bytes make no sense. The client is told.
class InvalidQuery extends failure('INVALID_QUERY', 'INVALID_ARGUMENT') {}
// Of restore: the bytes are not a whole snapshot of this application.
class BadSnapshot extends failure('BAD_SNAPSHOT', 'DATA_LOSS') {}

class NotOpen extends failure('NOT_OPEN', 'FAILED_PRECONDITION') {}
class Closed extends failure('CLOSED', 'FAILED_PRECONDITION') {}
class StaleIncarnation extends failure('STALE_INCARNATION', 'ABORTED') {}
class Limit extends failure('LIMIT', 'RESOURCE_EXHAUSTED') {}
class InvalidArgument extends failure('INVALID_ARGUMENT', 'INVALID_ARGUMENT') {}
class NoQueryStreams extends failure('NO_QUERY_STREAMS', 'UNIMPLEMENTED') {}
class TooManyStreams extends failure('TOO_MANY_STREAMS', 'RESOURCE_EXHAUSTED') {}
class Cancelled extends failure('CANCELLED', 'CANCELLED') {}

// status is what the host is told of an error: code, text, and a google.rpc.Status with one
// ErrorInfo, as P-36 has it. An error without a reason is the plugin's own, and is logged.
function status (method, error) {
  if (!(error instanceof PluginError)) {
    console.error('%s failed:', method, error)
    return statusOf(CODES.UNKNOWN, `${method}: ${error}`, '')
  }
  return statusOf(error.code, error.message, error.reason, error.metadata)
}

function statusOf (code, message, reason, metadata = {}) {
  const text = shortened(message)
  const details = []
  if (reason) {
    const rows = Object.entries(metadata).map(([key, value]) => ({ key, value: shortened(value) }))
    details.push({
      typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo',
      value: encode('google.ErrorInfo', { reason, domain: DOMAIN, metadata: rows })
    })
  }
  return { code, text, reason, details: encode('google.Status', { code, message: text, details }) }
}

// shortened is a text of at most MAX_TEXT bytes, cut between characters.
function shortened (text) {
  const bytes = Buffer.from(text)
  if (bytes.length <= MAX_TEXT) return bytes.toString()
  let end = MAX_TEXT
  while ((bytes[end] & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

module.exports = {
  CODES, MAX_TEXT, PluginError, failure, InvalidConfig, WrongIdentity, InvalidQuery, BadSnapshot, NotOpen, Closed, StaleIncarnation,
  Limit, InvalidArgument, NoQueryStreams, TooManyStreams, Cancelled, status, statusOf
}

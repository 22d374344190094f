'use strict'

// Queries: with one message for an answer, and in chunks.

const zlib = require('zlib')

const { Cancelled, Limit, NoQueryStreams, TooManyStreams } = require('./errors')
const { bytesOf, pieces } = require('./values')

const QUERIES = 100 // P-30
const STREAMS = 64 // SM-29

// A Querier serves Query and QueryStream. A call over the numbers above is refused before it
// waits.
class Querier {
  constructor (core) {
    this.core = core
    this.queries = 0
    this.streams = 0
  }

  async query (request, call) {
    const { core } = this
    this.check(request)
    if (this.queries >= QUERIES) throw new Limit(`${QUERIES} queries run`)
    this.queries++
    const ended = await core.life.share()
    try {
      // A copy: the answer may be a part of the state, which the next apply changes.
      const bytes = await core.lock.run(async () => {
        core.life.check(request.call)
        if (call.cancelled) throw new Cancelled('the call was given up')
        return Buffer.from(bytesOf(await core.machine.query(request.data), 'an answer to a query'))
      })
      if (bytes.length > core.limits.message - 64) {
        throw new Limit(`the answer has ${bytes.length} bytes, and a message at most ${core.limits.message}`)
      }
      return { data: bytes }
    } finally {
      this.queries--
      ended()
    }
  }

  // queryStream ends with the call, whatever the machine's iterator waits for; the call is
  // counted until that has ended too.
  async * queryStream (request, call) {
    const { core } = this
    if (!core.machine.queryStream) throw new NoQueryStreams('no answers in chunks')
    this.check(request)
    if (this.streams >= STREAMS) throw new TooManyStreams(`${STREAMS} answers in chunks run`)
    this.streams++
    const ended = await core.life.share()
    let source
    try {
      source = await core.lock.run(async () => {
        core.life.check(request.call)
        if (call.cancelled) throw new Cancelled('the call was given up')
        return pieces(await core.machine.queryStream(request.data, call.signal), 'an answer in chunks')
      })
      yield * chunks(source, core.limits.sendChunk, call)
    } finally {
      ended()
      this.end(source)
    }
  }

  async end (source) {
    try {
      if (source && source.return) await source.return()
    } catch (error) {
      console.error('an answer in chunks ended with an error:', error)
    } finally {
      this.streams--
    }
  }

  check (request) {
    this.core.life.check(request.call)
    if (request.data.length > this.core.limits.entry) {
      throw new Limit(`a query of ${request.data.length} bytes, at most ${this.core.limits.entry}`)
    }
  }
}

// chunks are those of the machine as it cuts them, but for those over the limit.
async function * chunks (source, size, call) {
  let length = 0
  let crc32 = 0
  for (;;) {
    const step = call.step(source)
    const next = step instanceof Promise ? await step : step
    if (next.done) break
    const chunk = bytesOf(next.value, 'a chunk')
    length += chunk.length
    crc32 = zlib.crc32(chunk, crc32)
    for (let at = 0; at === 0 || at < chunk.length; at += size) yield { chunk: chunk.subarray(at, at + size) }
  }
  yield { end: { length, crc32 } }
}

module.exports = { Querier }

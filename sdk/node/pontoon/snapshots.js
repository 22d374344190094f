'use strict'

// Snapshots: streams of chunks in both directions, and the views that are saved.

const zlib = require('zlib')

const { BadSnapshot, Closed, InvalidArgument, Limit, PluginError } = require('./errors')
const { Received } = require('./received')
const { bytesOf, pieces } = require('./values')

const MAX_VIEWS = 16 // SM-32

// Views are the results of save, until they are streamed or dropped. A number is given once
// (SM-30).
class Views {
  constructor (core) {
    this.core = core
    this.made = new Map()
    this.number = 0
  }

  check () {
    if (this.made.size >= MAX_VIEWS) throw new Limit(`${MAX_VIEWS} views of the state wait to be saved`)
  }

  async prepare () {
    const view = pieces(await this.core.machine.save(), 'what save returns')
    this.made.set(++this.number, view)
    return this.number
  }

  async * save (request, call) {
    const { life, limits } = this.core
    life.check(request.call)
    const ended = await life.share()
    let view
    try {
      life.check(request.call)
      view = this.made.get(request.snapshot)
      if (!view) throw new InvalidArgument(`snapshot ${request.snapshot} is unknown or spent`)
      this.made.delete(request.snapshot)
      if (!request.discard) yield * cut(view, limits.sendChunk, call)
    } finally {
      ended()
      if (view) drop(view)
    }
  }

  // clear is SM-35.
  clear () {
    for (const view of this.made.values()) drop(view)
    this.made.clear()
  }
}

// drop lets a view clean up after itself; no call waits for that.
async function drop (view) {
  try {
    if (view.return) await view.return()
  } catch (error) {
    console.error('a view of the state ended with an error:', error)
  }
}

// cut makes chunks of the bytes of source, with the end that is made of what source gave
// (P-44).
async function * cut (source, size, call) {
  let length = 0
  let crc32 = 0
  let rest = null // the beginning of a chunk
  let kept = 0
  for (;;) {
    const step = call.step(source)
    const next = step instanceof Promise ? await step : step
    if (next.done) break
    let piece = bytesOf(next.value, 'a piece of a snapshot')
    length += piece.length
    crc32 = zlib.crc32(piece, crc32)
    while (piece.length > 0) {
      rest = rest || Buffer.allocUnsafeSlow(size)
      const n = Math.min(piece.length, size - kept)
      rest.set(piece.subarray(0, n), kept)
      piece = piece.subarray(n)
      kept += n
      if (kept < size) break
      yield { chunk: rest }
      rest = null
      kept = 0
    }
  }
  if (kept > 0) yield { chunk: rest.subarray(0, kept) }
  yield { end: { length, crc32 } }
}

// A Restorer serves Restore.
class Restorer {
  constructor (core) {
    this.core = core
  }

  async restore (requests, call) {
    const { core } = this
    const { value: first, done } = await requests.next()
    if (done) throw new InvalidArgument('the stream has no message') // P-28
    core.life.check(first.call)
    if (!first.header) throw new InvalidArgument('the first message has no header') // P-41
    return core.life.alone(first.call, () => core.lock.run(async () => {
      core.life.check(first.call)
      const received = new Received(requests, core.life, core.limits.chunk)
      core.life.whenClosed = () => call.fail(new Closed('closed while it restored'))
      try {
        await this.run(first.header.index, received)
        core.applied = first.header.index
        return { appliedIndex: core.applied, length: received.length, wake: core.wake(), durableIndex: core.durable() }
      } catch (error) {
        core.life.giveUp() // SM-41
        throw error
      } finally {
        core.life.whenClosed = null
      }
    }))
  }

  async run (index, received) {
    if (typeof index === 'bigint') throw new Limit(`${index} is no longer an exact number in JavaScript`)
    const chunks = received.chunks()
    try {
      await this.core.machine.restore(index, { [Symbol.asyncIterator]: () => chunks })
      if (!received.whole && !(await received.rest()).done) throw new BadSnapshot('the snapshot goes on after its end')
    } catch (error) {
      if (received.error) throw received.error // why the machine had not the whole
      if (error instanceof PluginError || (error instanceof Error && error.syscall !== undefined)) throw error // the system's are no fault of the snapshot
      throw new BadSnapshot(String(error), { cause: error })
    }
    if (received.error) throw received.error
  }
}

module.exports = { Restorer, Views, cut }

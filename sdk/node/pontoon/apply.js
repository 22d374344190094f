'use strict'

// The Apply stream: requests are checked, applied and answered in order.

const { InvalidArgument, Limit } = require('./errors')
const { Mutex } = require('./lifecycle')
const { bytesOf } = require('./values')

const MAX_ENTRIES = 4096 // SM-11
const MAX_RESULT = 1 << 20 // SM-15
const MAX_RESULTS = 64 << 20
const PART = 1 << 20 // SM-14

// Refused is a result: the application's own refusal of a command, with its text. The
// command has changed nothing. On the wire a refusal without a text is none at all.
class Refused {
  constructor (text) {
    this.text = String(text) || 'refused'
  }
}

// An Applier serves Apply.
class Applier {
  constructor (core) {
    this.core = core
    this.streams = new Mutex() // one stream at a time; the next one waits
  }

  async * apply (requests) {
    const { life } = this.core
    const ended = await life.share()
    let release
    await new Promise(resolve => { this.streams.run(() => new Promise(done => { release = done; resolve() })) })
    try {
      let number = 1
      for await (const request of requests) {
        life.check(request.call)
        if (request.seq !== number++) throw new InvalidArgument(`seq ${request.seq}, want ${number - 1}`)
        yield * await this.core.lock.run(() => this.answer(request))
      }
    } finally {
      release()
      ended()
    }
  }

  async answer (request) {
    const { core } = this
    core.life.check(request.call)
    const fresh = request.entries.filter(e => e.index > core.applied)
    this.check(request, fresh)
    const last = { seq: request.seq }
    const begun = process.hrtime.bigint()
    try {
      const results = await this.run(request, fresh)
      core.applied = last.appliedIndex = Math.max(core.applied, request.through)
      if (request.prepareSnapshot) last.snapshot = await core.views.prepare()
      if (request.hash) last.hash = bytesOf(await core.machine.stateHash(), 'a hash of the state')
      last.wake = core.wake()
      last.durableIndex = core.durable()
      last.tookNs = Number(process.hrtime.bigint() - begun)
      return parts(last, request.entries.length - fresh.length, results, request.noResults)
    } catch (error) {
      core.life.giveUp()
      throw error
    }
  }

  async run (request, fresh) {
    const { core } = this
    if (fresh.length === 0 && !(core.isDurable && request.through > core.applied)) return []
    // An entry's data is a copy: the machine may keep it, without the message that it came in.
    const entries = fresh.map(e => ({ ...e, data: Buffer.from(e.data) }))
    const batch = { entries, through: request.through, version: request.version, quiet: request.noResults }
    const results = await core.machine.apply(batch)
    if (!Array.isArray(results) || results.length !== fresh.length) {
      throw new TypeError(`apply returned ${Array.isArray(results) ? results.length : 'no list of'} results for ${fresh.length} entries`)
    }
    return results
  }

  // check is SM-11, SM-44 and SM-32, before anything is done.
  check (request, fresh) {
    const { core } = this
    if (request.entries.length > MAX_ENTRIES) throw new Limit(`${request.entries.length} entries, at most ${MAX_ENTRIES}`)
    let index = 0
    let time = 0
    for (const e of request.entries) {
      if (e.data.length > core.limits.entry) {
        throw new Limit(`entry ${e.index} has ${e.data.length} bytes, at most ${core.limits.entry}`)
      }
      if (e.index <= index || e.time < time) {
        throw new InvalidArgument(`entry ${e.index} at ${e.time} after entry ${index} at ${time}`)
      }
      if (typeof e.term === 'bigint') throw inexact(e.term)
      ;({ index, time } = e)
    }
    if (request.through < index) throw new InvalidArgument(`through ${request.through}, and the last entry is ${index}`)
    for (const n of [request.through, time]) {
      if (typeof n === 'bigint') throw inexact(n)
    }
    const { least, greatest } = core.versions
    if (fresh.length > 0 && (request.version < least || request.version > greatest)) {
      throw new InvalidArgument(`version ${request.version} of commands, not of ${least} to ${greatest}`)
    }
    if (request.hash && !core.stateHash) throw new InvalidArgument('the machine has no hash')
    if (request.prepareSnapshot) core.views.check()
  }
}

function inexact (n) {
  return new Limit(`${n} is no longer an exact number in JavaScript`)
}

// parts are the answer, in parts of PART bytes; last is the last one, without results.
function parts (last, skipped, results, quiet) {
  const all = []
  let part = { seq: last.seq, results: [] }
  let size = 0
  let total = 0
  for (let i = 0; i < skipped; i++) part.results.push({ skipped: true })
  for (const given of results) {
    const result = quiet ? {} : fitting(given, total)
    const n = (result.data ? result.data.length : 0) + (result.error ? Buffer.byteLength(result.error) : 0) + 16
    total += n
    if (size + n > PART && part.results.length > 0) {
      all.push({ ...part, more: true })
      part = { seq: last.seq, results: [] }
      size = 0
    }
    part.results.push(result)
    size += n
  }
  all.push({ ...last, ...part })
  return all
}

// fitting is a result as a message, after results of total bytes.
function fitting (result, total) {
  if (result === null || result === undefined) return {}
  const refused = result instanceof Refused
  const data = refused ? Buffer.from(result.text) : bytesOf(result, 'a result of apply')
  if (data.length > MAX_RESULT) return { error: `the result has ${data.length} bytes, at most ${MAX_RESULT}`, leftOut: true }
  if (total + data.length > MAX_RESULTS) {
    return { error: `the results of the batch have more than ${MAX_RESULTS} bytes`, leftOut: true }
  }
  return refused ? { error: data.toString() } : { data }
}

module.exports = { Applier, Refused, fitting, parts }

'use strict'

// The Append stream: what waits while one write runs shares the next.

const { InvalidArgument } = require('../errors')
const { Mutex } = require('../lifecycle')
const { isZero } = require('./logstate')

const SHARED = 16 << 20 // bytes of entries that one write has at most, beside its last request

// An Appender serves Append.
class Appender {
  constructor (core) {
    this.core = core
    this.streams = new Mutex() // one stream at a time; the next one waits
  }

  serve (call) {
    return this.streams.run(() => this.stream(call))
  }

  // stream appends what was received also if its host has given the call up (ST-18).
  async stream (call) {
    for (let number = 1; ;) {
      const { value: first, done } = await call.next()
      if (done) return
      const { last, took, refusal } = await this.core.write(() => this.together(call, first, number))
      if (last >= number) call.answer({ seq: last, tookNs: took })
      if (refusal) throw refusal
      number = last + 1
      await call.room()
    }
  }

  // together appends a request and those that wait, up to one that is refused. It returns the
  // number of the last one that is durable, and how many nanoseconds that took.
  async together (call, first, number) {
    const { core } = this
    const next = core.state.clone()
    const batches = []
    let refusal
    let size = 0
    let sync = false
    for (let request = first; request && !refusal;) {
      try {
        this.admit(request, number + batches.length, next)
        sync = sync || request.mustSync || request.entries.length > 0 || changesVote(request.hardState, next.hard)
        next.take(request)
        batches.push({ entries: request.entries, hardState: request.hardState })
        for (const e of request.entries) size += e.data.length
        request = size < SHARED ? call.waiting() : undefined
      } catch (error) {
        refusal = error
      }
    }
    const begun = process.hrtime.bigint()
    if (batches.length > 0) await core.append(batches, next, sync)
    return { last: number + batches.length - 1, took: Number(process.hrtime.bigint() - begun), refusal }
  }

  admit (request, number, state) {
    const { core } = this
    core.life.check(request.call)
    if (request.seq !== number) throw new InvalidArgument(`seq ${request.seq}, want ${number}`)
    state.check(request, core.limits)
  }
}

// changesVote tells whether more than a commit index is new.
function changesVote (next, hard) {
  return next && !isZero(next) && (next.term !== hard.term || next.vote !== hard.vote)
}

module.exports = { Appender }

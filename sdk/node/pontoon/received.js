'use strict'

const zlib = require('zlib')

const { Closed, InvalidArgument, Limit } = require('./errors')

// Received has the chunks of a stream after its header, checked as they come (P-41 to P-43).
class Received {
  constructor (source, life, most, Cut = InvalidArgument) {
    this.source = source
    this.life = life
    this.most = most // bytes of a chunk
    this.Cut = Cut // the error of a stream that ended before its end
    this.length = this.crc32 = 0
    this.whole = false
    this.error = null
  }

  async * chunks () {
    for (;;) {
      const next = await this.rest()
      if (next.done) return
      yield next.value
    }
  }

  // rest is the next chunk, as an iterator has it. Nothing comes after an error.
  async rest () {
    if (this.error) throw this.error
    try {
      return await this.read()
    } catch (error) {
      this.error = error
      throw error
    }
  }

  async read () {
    while (!this.whole) {
      const { value: request, done } = await this.source.next()
      if (this.life.state === 'closed') throw new Closed('closed while a snapshot came')
      if (done) throw new this.Cut(`the stream was cut after ${this.length} bytes`)
      if (request.header) throw new InvalidArgument('a second header')
      if (request.end) this.check(request.end)
      else if (request.chunk && request.chunk.length > 0) return { value: this.take(request.chunk), done: false }
    }
    return { value: undefined, done: true }
  }

  take (chunk) {
    if (chunk.length > this.most) throw new Limit(`a chunk of ${chunk.length} bytes, at most ${this.most}`)
    this.length += chunk.length
    this.crc32 = zlib.crc32(chunk, this.crc32)
    return chunk
  }

  check (end) {
    if (end.length !== this.length || end.crc32 !== this.crc32) {
      throw new InvalidArgument(`the end has ${end.length} bytes and sum ${end.crc32}, the chunks ${this.length} and ${this.crc32}`)
    }
    this.whole = true
  }
}

module.exports = { Received }

'use strict'

// Messages that come in pieces, each after a head of five bytes: its kind, and its length. In
// gRPC the kind says whether a message is compressed.

const HEAD = 5
const MAX_MESSAGE = 64 << 20 // P-31
const NONE = new Uint8Array(0)

// A Deframer gives each message to take, as bytes of its own, with its kind. limit is the most
// that one of a kind has.
class Deframer {
  constructor (take, limit = () => MAX_MESSAGE) {
    this.take = take
    this.limit = limit
    this.head = Buffer.alloc(HEAD)
    this.headed = 0
    this.filled = 0
    this.body = NONE
  }

  // push takes bytes. It throws a RangeError for a message that is too large.
  push (bytes) {
    for (let at = 0; at < bytes.length;) at += this.headed < HEAD ? this.readHead(bytes, at) : this.readBody(bytes, at)
  }

  readHead (bytes, at) {
    const n = bytes.copy(this.head, this.headed, at, at + HEAD - this.headed)
    this.headed += n
    if (this.headed === HEAD) {
      this.length = this.head.readUInt32BE(1)
      const most = this.limit(this.head[0])
      if (this.length > most) throw new RangeError(`a message of ${this.length} bytes, at most ${most}`)
      if (this.length === 0) this.done(new Uint8Array(0))
    }
    return n
  }

  // readBody copies what comes: a piece of a byte would keep hundreds. There is room for at most
  // twice the bytes that have come.
  readBody (bytes, at) {
    const piece = bytes.subarray(at, at + this.length - this.filled)
    const filled = this.filled + piece.length
    if (filled > this.body.length) {
      const larger = new Uint8Array(Math.min(this.length, Math.max(filled, 2 * this.body.length)))
      larger.set(this.body.subarray(0, this.filled))
      this.body = larger
    }
    this.body.set(piece, this.filled)
    this.filled = filled
    if (filled === this.length) this.done(this.body)
    return piece.length
  }

  done (whole) {
    this.headed = this.filled = 0
    this.body = NONE
    this.take(whole, this.head[0])
  }
}

module.exports = { Deframer }

'use strict'

// Messages of gRPC that come in pieces, each after a head of five bytes: whether it is
// compressed, and its length.

const HEAD = 5
const MAX_MESSAGE = 64 << 20 // P-31

// A Deframer gives each message to take, as bytes of its own, and whether it is compressed.
class Deframer {
  constructor (take) {
    this.take = take
    this.head = Buffer.alloc(HEAD)
    this.headed = 0
    this.filled = 0
    this.pieces = []
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
      if (this.length > MAX_MESSAGE) throw new RangeError(`a message of ${this.length} bytes, at most ${MAX_MESSAGE}`)
      if (this.length === 0) this.done(new Uint8Array(0))
    }
    return n
  }

  // readBody keeps pieces, and no room for bytes that have not come.
  readBody (bytes, at) {
    const piece = bytes.subarray(at, at + this.length - this.filled)
    this.filled += piece.length
    if (this.filled < this.length) {
      this.pieces.push(piece)
      return piece.length
    }
    const whole = new Uint8Array(this.length)
    let to = 0
    for (const p of [...this.pieces, piece]) {
      whole.set(p, to)
      to += p.length
    }
    this.done(whole)
    return piece.length
  }

  done (whole) {
    this.headed = this.filled = 0
    this.pieces = []
    this.take(whole, this.head[0] !== 0)
  }
}

module.exports = { Deframer }

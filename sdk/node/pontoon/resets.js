'use strict'

// Calls that a host gives up. HTTP/2 says so with a frame RST_STREAM, and Node up to version
// 22 ends a connection that gets more than 1000 of them, and then 33 in a second, which no
// setting changes. A host that gives up many queries means no harm, and so these frames do not
// reach Node: the stream is closed from this end, which comes to the same.

const { Duplex } = require('stream')

const PREFACE = 24 // bytes that a connection begins with
const HEAD = 9
const RST_STREAM = 3

// A Connection is a socket without these frames. It tells told the number of each stream that
// was given up.
class Connection extends Duplex {
  constructor (socket, told) {
    super()
    this.socket = socket
    this.told = told
    this.passing = PREFACE // bytes of the frame that go on, or are dropped
    this.dropping = false
    this.head = Buffer.alloc(0) // of a frame that is not known yet
    socket.on('data', bytes => { if (!this.take(bytes)) socket.pause() })
    socket.on('end', () => this.push(null))
    socket.on('error', error => this.destroy(error))
    socket.on('close', () => this.destroy())
  }

  take (bytes) {
    const all = this.head.length > 0 ? Buffer.concat([this.head, bytes]) : bytes
    let more = true
    let from = 0 // what goes on begins here
    let at = 0
    this.head = Buffer.alloc(0)
    while (at < all.length) {
      if (this.passing === 0) {
        const frame = this.frame(all, at)
        if (!frame) break
        if (frame.reset) {
          if (at > from) more = this.push(all.subarray(from, at))
          this.told(frame.reset)
          from = at += HEAD + frame.length
          continue
        }
        this.passing = HEAD + frame.length
      }
      const n = Math.min(this.passing, all.length - at)
      this.passing -= n
      at += n
    }
    if (at > from) more = this.push(all.subarray(from, at))
    this.head = Buffer.from(all.subarray(at))
    return more
  }

  // frame is the one that begins at a place, or nothing if too little of it is there.
  frame (all, at) {
    if (all.length - at < HEAD) return null
    const length = all.readUIntBE(at, 3)
    if (all[at + 3] !== RST_STREAM || length !== 4) return { length }
    if (all.length - at < HEAD + length) return null
    return { length, reset: all.readUInt32BE(at + 5) & 0x7fffffff }
  }

  _read () {
    this.socket.resume()
  }

  _write (bytes, encoding, done) {
    this.socket.write(bytes, done)
  }

  _writev (chunks, done) {
    this.socket.cork()
    chunks.forEach(({ chunk }, i) => this.socket.write(chunk, i === chunks.length - 1 ? done : undefined))
    this.socket.uncork()
  }

  _final (done) {
    this.socket.end(done)
  }

  _destroy (error, done) {
    this.socket.destroy()
    done(error)
  }
}

// Resets has the streams of a connection, and of those to come the ones that were given up.
class Resets {
  constructor () {
    this.streams = new Map()
    this.early = new Set()
    this.last = 0
  }

  // reset is told by the connection, which may be ahead of the streams.
  reset (id) {
    const stream = this.streams.get(id)
    if (stream) stream.close(CANCEL)
    else if (id > this.last) this.early.add(id)
  }

  // begin takes a stream, and tells whether it is wanted.
  begin (stream) {
    const { id } = stream
    this.last = id
    const early = this.early.delete(id)
    for (const e of this.early) if (e < id) this.early.delete(e)
    if (early) {
      stream.close(CANCEL)
      return false
    }
    this.streams.set(id, stream)
    stream.on('close', () => this.streams.delete(id))
    return true
  }
}

const CANCEL = 8

module.exports = { Connection, Resets }

'use strict'

// A connection between two plugins, as frames: a kind in one byte, the length in four, big
// endian, and the bytes.

const { decode, encode } = require('../codec')
const { Deframer } = require('../deframe')

const HELLO = 0x68 // h: a Hello
const ANSWER = 0x61 // a: an Answer
const HEARTBEAT = 0x62 // b: nothing
const GREETING = 0x67 // g: a Greeting, when the caller has something new to say of itself
const MESSAGE = 0x6d // m: an Envelope
const HEADER = 0x73 // s: a SnapshotHeader
const CHUNK = 0x63 // c: bytes of a snapshot
const END = 0x65 // e: a StreamEnd
const VERDICT = 0x76 // v: a Verdict
const MESSAGES = {
  [HELLO]: 'link.Hello',
  [ANSWER]: 'link.Answer',
  [GREETING]: 'Greeting',
  [MESSAGE]: 'Envelope',
  [HEADER]: 'SnapshotHeader',
  [END]: 'StreamEnd',
  [VERDICT]: 'link.Verdict'
}

const SMALL = 8 << 10 // bytes of a frame that is neither a message, nor a header, nor a chunk
const PIECE = 64 << 10 // bytes of a chunk
const EACH = 512 // what a frame that waits counts beside its bytes
const WAITING = 1 << 20 // bytes that wait to be taken before the connection is read on
const SILENCE = 5000 // ms without a byte after which a connection has broken: both ends rely on it

// A Link is a connection. Its times are of a clock that cannot be set. intake counts the bytes of frames that come, or wait to be taken.
class Link {
  constructor (socket, most, intake) {
    this.socket = socket
    this.frames = []
    this.waiting = 0 // bytes of frames that are here, with the one that was taken last
    this.last = 0
    this.error = null // why it ended
    this.reader = null
    this.writers = []
    this.heard = performance.now()
    const limit = kind => kind === MESSAGE || kind === HEADER ? most + SMALL : kind === CHUNK ? PIECE : SMALL
    this.deframer = new Deframer((raw, kind) => this.take(kind, raw), limit)
    this.intake = intake
    this.sender = null // that intake counts the bytes for
    this.counted = 0
    this.ended = new Promise(resolve => { this.whenEnded = resolve })
    socket.on('data', bytes => this.read(bytes))
    socket.on('error', error => this.end(error))
    socket.on('close', () => this.end(new Error('the other end has closed it')))
    socket.on('end', () => this.end(new Error('the other end has closed it')))
    socket.on('drain', () => this.wakeWriters())
    this.clock = setInterval(() => this.tick(), SILENCE / 4)
  }

  read (bytes) {
    this.heard = performance.now()
    try {
      this.deframer.push(bytes)
      this.count(this.deframer.filled + this.waiting)
    } catch (error) {
      this.end(error)
    }
  }

  count (bytes) {
    const more = bytes - this.counted
    this.counted = bytes
    if (more !== 0) this.intake.add(this.sender, more)
  }

  // countFor says that the connection is that of a member.
  countFor (sender) {
    this.count(0)
    this.sender = sender
  }

  take (kind, raw) {
    if (this.error || kind === HEARTBEAT) return
    const body = MESSAGES[kind] ? decode(MESSAGES[kind], raw) : raw
    const size = raw.length + EACH
    this.frames.push({ kind, body, size })
    this.waiting += size
    if (this.waiting > WAITING) this.socket.pause()
    this.wakeReader()
  }

  // next is the next frame but for heartbeats, and throws when the connection has ended.
  async next () {
    this.passed()
    while (this.frames.length === 0) {
      if (this.error) throw this.error
      await new Promise(resolve => { this.reader = resolve })
    }
    const frame = this.frames.shift()
    this.last = frame.size
    return frame
  }

  // passed is of the frame that was taken last: nothing more is to be done with it.
  passed () {
    this.waiting -= this.last
    this.last = 0
    if (this.error) return
    this.count(this.deframer.filled + this.waiting)
    if (this.waiting <= WAITING && this.socket.isPaused()) {
      this.heard = performance.now()
      this.socket.resume()
    }
  }

  // expect is the body of the next frame, which is of a kind.
  async expect (kind) {
    const frame = await this.next()
    if (frame.kind !== kind) throw new Error(`a frame of kind ${frame.kind} instead of ${kind}`)
    return frame.body
  }

  // send writes a frame; an object as a message. Who sends more waits for room.
  send (kind, body) {
    if (this.error) return
    const raw = body instanceof Uint8Array ? body : encode(MESSAGES[kind], body)
    const head = Buffer.allocUnsafe(5)
    head[0] = kind
    head.writeUInt32BE(raw.length, 1)
    if (raw.length < SMALL) {
      this.socket.write(Buffer.concat([head, raw]))
      return
    }
    this.socket.cork()
    this.socket.write(head)
    this.socket.write(raw)
    this.socket.uncork()
  }

  // room waits until what was sent is with the system.
  async room () {
    while (!this.error && this.socket.writableNeedDrain) await new Promise(resolve => this.writers.push(resolve))
    if (this.error) throw this.error
  }

  // tick sends a heartbeat, and ends a connection on which nothing comes. While its bytes wait
  // here nothing can come.
  tick () {
    if (this.socket.isPaused()) this.heard = performance.now()
    else if (performance.now() - this.heard > SILENCE) this.end(new Error(`nothing came for ${SILENCE} ms`))
    else if (!this.socket.writableNeedDrain) this.send(HEARTBEAT, NONE)
  }

  // end ends the connection at once.
  end (error) {
    if (this.error) return
    this.error = error
    clearInterval(this.clock)
    this.count(0)
    this.socket.destroy()
    this.wakeReader()
    this.wakeWriters()
    this.whenEnded()
  }

  // finish ends it after the other end has read what was sent, or after a while.
  finish () {
    const late = setTimeout(() => this.end(new Error('it is over')), SILENCE)
    this.ended.then(() => clearTimeout(late))
    this.socket.end()
    this.frames = []
    this.socket.resume()
  }

  wakeReader () {
    const { reader } = this
    this.reader = null
    if (reader) reader()
  }

  wakeWriters () {
    for (const resolve of this.writers.splice(0)) resolve()
  }
}

const NONE = new Uint8Array(0)

// An Intake bounds the bytes of frames that come, or wait to be taken, for each sender: null
// stands for all that are no members.
class Intake {
  constructor (most) {
    this.most = most
    this.bytes = new Map()
  }

  add (sender, n) {
    const now = (this.bytes.get(sender) || 0) + n
    if (now > 0) this.bytes.set(sender, now)
    else this.bytes.delete(sender)
    if (n > 0 && now > this.most) throw new Error(`${now} bytes of frames wait, at most ${this.most}`)
  }
}

module.exports = { ANSWER, CHUNK, END, GREETING, HEADER, HELLO, Intake, Link, MESSAGE, PIECE, SILENCE, VERDICT }

'use strict'

// What goes to the host: messages of the Raft stream to be, each with envelopes first and
// events after them, so that the order is kept (TR-22).

const { Closed, Limit } = require('../errors')

const BYTES = 32 << 20 // of envelopes that wait; connections are read no further meanwhile
const CONTROL_BYTES = 8 << 20 // more for messages of the class control (TR-25)
const EVENTS = 4096 // that wait
const GREETINGS = 512 // of them are for greetings alone
const EACH = 64
const MAX_DETAIL = 4 << 10
const CLASS_CONTROL = 0
const EVENT_UNREACHABLE = 1
const EVENT_GREETED = 6

// An Inbound never holds up who notifies. deliver waits while too much waits for the host.
class Inbound {
  constructor () {
    this.segments = []
    this.bytes = this.events = 0
    this.taken = 0 // messages so far, of all streams
    this.before = 0 // those before this stream
    this.broken = new Map() // by peer: the number of the message that says that a connection broke
    this.reported = new Map() // by peer: the number of the one that waits and says unreachable
    this.call = null // of the stream
    this.reader = null
    this.waiting = []
    this.failure = null
    this.closed = false
  }

  // deliver returns nothing, or a promise of when there is room again.
  deliver (envelope) {
    if (this.closed) return
    const size = envelope.payload.length + EACH
    const tail = this.segments[this.segments.length - 1]
    if (tail && tail.events.length === 0 && tail.bytes + size <= this.most) {
      tail.envelopes.push(envelope)
      tail.bytes += size
    } else {
      this.segments.push({ envelopes: [envelope], events: [], bytes: size })
    }
    this.bytes += size
    this.wake()
    const most = envelope.class === CLASS_CONTROL ? BYTES + CONTROL_BYTES : BYTES
    if (this.bytes > most) return new Promise(resolve => this.waiting.push(resolve))
  }

  // notify takes an event, and returns the number of the message that says it.
  notify (event) {
    const { type, peer } = event
    if (type === EVENT_UNREACHABLE && this.reported.has(peer)) return this.reported.get(peer)
    const next = this.taken + Math.max(1, this.segments.length)
    if (this.closed) return next
    if (this.events >= (type === EVENT_GREETED ? EVENTS : EVENTS - GREETINGS)) {
      if (type === EVENT_GREETED) this.fail(new Limit('a greeting found no room among the events that the host has not taken'))
      else console.warn('the host takes no events: one of type %d about member %s is left out', type, peer)
      return next
    }
    if (this.segments.length === 0) this.segments.push({ envelopes: [], events: [], bytes: 0 })
    this.segments[this.segments.length - 1].events.push({ ...event, detail: shortened(event.detail) })
    this.events++
    if (type === EVENT_UNREACHABLE) this.reported.set(peer, next)
    this.wake()
    return next
  }

  // lost tells that a message to a peer may not arrive. broken says that a connection broke: what
  // the host sent before it hears of that is outdated (TR-21).
  lost (peer, detail, broken = false) {
    const number = this.notify({ type: EVENT_UNREACHABLE, peer, detail })
    if (broken) this.broken.set(peer, number)
  }

  // isOutdated tells whether the host did not know of the break when it accepted a message.
  isOutdated (peer, heard) {
    return heard > 0 && this.broken.has(peer) && this.broken.get(peer) - this.before >= heard
  }

  // stream sends all that comes to the host, until the call ends.
  async stream (call) {
    this.call = call
    this.before = this.taken
    try {
      while (!call.cancelled && !this.closed) {
        if (this.failure) throw this.failure
        const segment = this.take()
        if (segment) {
          call.answer(segment)
          await call.room()
        } else {
          await new Promise(resolve => { this.reader = resolve })
        }
        if (call.over) return
      }
      if (this.closed) throw new Closed('closed')
    } finally {
      this.call = null
    }
  }

  take () {
    const segment = this.segments.shift()
    if (!segment) return null
    this.taken++
    this.bytes -= segment.bytes
    this.events -= segment.events.length
    for (const { type, peer } of segment.events) if (type === EVENT_UNREACHABLE) this.reported.delete(peer)
    if (this.bytes <= BYTES) for (const resolve of this.waiting.splice(0)) resolve()
    return { envelopes: segment.envelopes, events: segment.events }
  }

  // forget is of peers that are no more.
  forget (peers) {
    for (const peer of this.broken.keys()) if (!peers.has(peer) && this.broken.get(peer) <= this.before) this.broken.delete(peer)
  }

  fail (error) {
    this.failure = error
    this.wake()
  }

  close () {
    this.closed = true
    this.segments = []
    for (const resolve of this.waiting.splice(0)) resolve()
    this.wake()
  }

  wake () {
    const { reader } = this
    this.reader = null
    if (reader) reader()
  }
}

function shortened (text = '') {
  const bytes = Buffer.from(text)
  return bytes.length <= MAX_DETAIL ? text : bytes.subarray(0, MAX_DETAIL).toString().replace(/\uFFFD+$/, '')
}

module.exports = { Inbound }

'use strict'

// What one thread has for the other: events of calls, as [what, id, value].

const EACH = 64 // what a message counts beside its bytes, where those that wait are bounded
const LARGE = 16 << 10 // bytes that are moved to the other thread and not copied

// An Outbox sends all events of one turn together.
class Outbox {
  constructor (port) {
    this.port = port
    this.events = []
    this.transfers = []
  }

  post (what, id, value) {
    if (this.events.length === 0) queueMicrotask(() => this.flush())
    this.events.push([what, id, value])
    if (value instanceof Uint8Array && value.length > LARGE) this.transfers.push(value.buffer)
  }

  flush () {
    const { events, transfers } = this
    this.events = []
    this.transfers = []
    this.port.postMessage(events, transfers)
  }
}

module.exports = { EACH, Outbox }

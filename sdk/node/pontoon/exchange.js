'use strict'

// Calls of the host, at the socket's end: what comes goes to the machine's thread (calls.js),
// and its answers to the stream that each call has.

const { EACH, Outbox } = require('./outbox')

const WINDOW = 1 << 20 // bytes of a call that wait for the machine before its stream is read on

// An Exchange has the calls of all connections.
class Exchange extends Outbox {
  constructor (port) {
    super(port)
    this.streams = new Map()
    this.number = 0
  }

  // open begins a call, whose answers go to stream.
  open (path, stream) {
    const id = ++this.number
    this.streams.set(id, stream)
    stream.waiting = 0
    this.post('open', id, path)
    return id
  }

  // message takes the bytes of a request, which are the caller's no longer.
  message (id, raw) {
    const stream = this.streams.get(id)
    if (!stream) return
    stream.waiting += raw.length + EACH
    if (stream.waiting > WINDOW) stream.pause()
    this.post('message', id, raw)
  }

  end (id) {
    this.post('end', id)
  }

  cancel (id) {
    if (this.streams.delete(id)) this.post('cancel', id)
  }

  // take handles events of the machine's thread.
  take (events) {
    for (const [what, id, value] of events) {
      const stream = this.streams.get(id)
      if (!stream) continue // its host has given it up
      if (what === 'message') {
        const size = value.length + EACH
        stream.write(value, () => this.post('sent', id, size))
      } else if (what === 'taken') {
        stream.waiting -= value
        if (stream.waiting <= WINDOW) stream.resume()
      } else if (what === 'status') {
        this.streams.delete(id)
        stream.finish(value)
      }
    }
  }
}

module.exports = { Exchange }

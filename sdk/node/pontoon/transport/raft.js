'use strict'

// The Raft stream: what the host has for others, and what comes from them.

const { InvalidArgument } = require('../errors')

const CLASS_SNAPSHOT = 3

// A Raft serves the stream. It is read at all times, and waits for no network (TR-15).
class Raft {
  constructor (core) {
    this.core = core
  }

  async serve (call) {
    const { core } = this
    const first = await call.next()
    if (first.done) throw new InvalidArgument('the stream has no message')
    core.life.check(first.value.call)
    if (core.inbound.call) throw new InvalidArgument('there is a Raft stream already') // TR-12
    let failure = null
    const read = this.read(call, first.value).catch(error => { failure = error })
    const ended = read.then(() => {
      call.over = true
      core.inbound.wake()
    })
    await core.inbound.stream(call)
    await ended
    if (failure) throw failure
  }

  async read (call, first) {
    for (let request = first; request;) {
      this.core.life.check(request.call)
      for (const envelope of request.envelopes) this.send(envelope, request.heard)
      request = call.waiting() || (await call.next()).value
    }
  }

  // send gives an envelope to its peer's queue. One that is dropped is reported (TR-16).
  send (envelope, heard) {
    const { inbound, options, peers, mostPayload } = this.core
    const { to } = envelope
    const peer = peers.get(to)
    if (inbound.isOutdated(to, heard)) inbound.lost(to, 'the message was on its way to the plugin when the connection broke')
    else if (!peer) inbound.lost(to, 'the member is no peer')
    else if (envelope.group !== options.group || envelope.class >= CLASS_SNAPSHOT) inbound.lost(to, 'it is no message of this group')
    else if (envelope.payload.length > mostPayload) inbound.lost(to, `a message of ${envelope.payload.length} bytes`)
    else if (!peer.put(envelope)) inbound.lost(to, 'there is no connection, or its queue is full')
  }
}

module.exports = { Raft }

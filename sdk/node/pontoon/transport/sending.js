'use strict'

// Snapshots to peers, each on a connection of its own.

const { InvalidArgument, PluginError } = require('../errors')
const { Received } = require('../received')
const { PeerUnreachable, SnapshotRefused, UnknownPeer } = require('./errors')
const { Removed, SNAPSHOT } = require('./hello')
const { CHUNK, END, HEADER, PIECE, VERDICT } = require('./link')

// A Sending serves SendSnapshot.
class Sending {
  constructor (core) {
    this.core = core
    this.calls = new Set()
  }

  async serve (requests, call) {
    const { core } = this
    const { value: first, done } = await requests.next()
    if (done) throw new InvalidArgument('the stream has no message') // P-28
    core.life.check(first.call)
    const { header } = first
    if (!header) throw new InvalidArgument('the first message has no header') // P-41
    if (header.group !== core.options.group || header.from !== core.id) {
      throw new InvalidArgument(`a snapshot of group ${header.group} from ${header.from}`)
    }
    const peer = core.peers.get(header.to)
    if (!peer) throw new UnknownPeer(`${header.to} is no peer`)
    this.calls.add(call)
    try {
      return await this.send(peer, header, call)
    } finally {
      this.calls.delete(call)
    }
  }

  async send (peer, header, call) {
    const { core } = this
    const link = await this.dial(peer, call)
    const stop = () => link.end(new Error('it is given up'))
    call.signal.addEventListener('abort', stop)
    peer.gone.signal.addEventListener('abort', stop)
    let judged = null
    try {
      if (!core.stand(link)) throw new PeerUnreachable('the greetings do not fit any more')
      const verdict = this.verdict(link)
      verdict.catch(error => { // also of a snapshot that is not wanted, before its end
        judged = error
        call.fail(error)
      })
      const length = await this.content(link, header, call)
      await verdict
      return { length }
    } catch (error) {
      throw judged || (error instanceof PluginError ? error : new PeerUnreachable(error.message))
    } finally {
      call.signal.removeEventListener('abort', stop)
      peer.gone.signal.removeEventListener('abort', stop)
      link.end(new Error('it is over'))
      if (link.standing) core.leave(link)
    }
  }

  async dial (peer, call) {
    try {
      const stop = AbortSignal.any([call.signal, peer.gone.signal])
      return await peer.dial(SNAPSHOT, stop)
    } catch (error) {
      throw error instanceof Removed ? new SnapshotRefused(error.message) : new PeerUnreachable(error.message)
    }
  }

  // content sends header, chunks and end. It is given up when the connection breaks.
  async content (link, header, call) {
    link.ended.then(() => call.fail(new PeerUnreachable(link.error.message)))
    link.send(HEADER, header)
    const received = new Received(call, this.core.life, this.core.limits.chunk)
    for await (const chunk of received.chunks()) {
      for (let at = 0; at < chunk.length; at += PIECE) {
        link.send(CHUNK, chunk.subarray(at, at + PIECE))
        await link.room()
      }
    }
    if (call.cancelled) throw new PeerUnreachable('it is given up') // TR-37
    link.send(END, { length: received.length, crc32: received.crc32 })
    return received.length
  }

  async verdict (link) {
    const { accepted, later, text } = await link.expect(VERDICT).catch(error => { throw new PeerUnreachable(error.message) })
    if (accepted) return
    throw later ? new PeerUnreachable(text || 'no verdict') : new SnapshotRefused(text || 'refused')
  }

  end (error) {
    for (const call of this.calls) call.fail(error)
  }
}

module.exports = { Sending }

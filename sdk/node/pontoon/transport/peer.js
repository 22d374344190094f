'use strict'

// Another member: this node dials it for what it sends, over a connection for each lane.

const { BULK, CONTROL, Refused, Removed, judgeAnswer, said } = require('./hello')
const { ANSWER, GREETING, HELLO, Link, MESSAGE } = require('./link')
const { same } = require('./greeting')

const QUEUE = 64 << 20 // bytes that wait for a connection
const EACH = 256 // what a message counts beside its payload
const WRITTEN = 256 << 10 // bytes of messages that are handed to the system in one go
const REDIAL = 100 // ms
const REASONS = 16 // that the log has until the peer is reached
const CLASS_CONTROL = 0
const EVENT_REMOVED = 4

// A Peer has the lanes for messages. Its URLs are tried in turn.
class Peer {
  constructor (core, id) {
    this.core = core
    this.id = id
    this.urls = []
    this.at = 0
    this.gone = new AbortController()
    this.told = new Set() // why it is not reached, as the log has it
    this.lanes = { [CONTROL]: new Lane(this, CONTROL), [BULK]: new Lane(this, BULK) }
    for (const lane of Object.values(this.lanes)) lane.keep()
  }

  setUrls (urls) {
    this.urls = urls
    for (const lane of Object.values(this.lanes)) lane.wake()
  }

  put (envelope) {
    return this.lanes[envelope.class === CLASS_CONTROL ? CONTROL : BULK].put(envelope)
  }

  // rename has the peer told of what this node has to say of itself.
  rename () {
    for (const lane of Object.values(this.lanes)) if (lane.queue) lane.wakeQueue()
  }

  end () {
    this.gone.abort()
    for (const lane of Object.values(this.lanes)) lane.end()
  }

  // dial connects, and greets. The link is the caller's. given ends the attempt.
  async dial (lane, given) {
    if (this.urls.length === 0) throw new Error('the peer has no URL that this transport dials')
    const url = this.urls[this.at % this.urls.length]
    try {
      return await greeted(this.core, this.id, url, lane, given)
    } catch (error) {
      this.at++
      throw error instanceof Refused ? error : new Error(`${url.text}: ${error.message || error}`)
    }
  }

  failed (error) {
    const text = error.message
    if (this.told.has(text) || this.told.size >= REASONS || this.gone.signal.aborted) return
    console.warn('peer %s is not reached: %s', this.id, text)
    this.told.add(text)
  }

  reached () {
    if (this.told.size > 0) console.info('peer %s is reached', this.id)
    this.told.clear()
  }
}

// greeted is a connection on which both ends have said who they are.
async function greeted (core, id, url, lane, given) {
  const patience = new AbortController()
  const late = setTimeout(() => patience.abort(new Error('it does not answer in time')), 1000 + core.options.electionMs)
  const stop = () => patience.abort(new Error('it is no longer wanted'))
  given.addEventListener('abort', stop)
  let link = null
  try {
    if (given.aborted) stop()
    link = core.link(await within(patience.signal, core.network.dial(url, patience.signal)))
    const own = core.book.self
    const ended = () => link.end(patience.signal.reason)
    patience.signal.addEventListener('abort', ended)
    link.send(HELLO, { cluster: core.options.clusterId, from: core.id, to: id, lane, greeting: own, expected: core.book.expected(id) })
    const answer = said(await link.expect(ANSWER))
    if (lane !== 'ping') judgeAnswer(core, id, own, answer)
    patience.signal.removeEventListener('abort', ended)
    return Object.assign(link, { peer: id, lane, met: answer.greeting, said: own, answer })
  } catch (error) {
    if (link) link.end(error)
    if (error instanceof Removed) core.inbound.notify({ type: EVENT_REMOVED, peer: id, index: error.index, term: error.term })
    throw error
  } finally {
    clearTimeout(late)
    given.removeEventListener('abort', stop)
  }
}

// within is a connection that comes in time; one that comes later is closed.
function within (signal, dialled) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      reject(signal.reason)
      dialled.then(socket => socket.destroy(), () => {})
    }
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop)
    dialled.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

// A Lane is what one connection at a time is for. queue is that of the connection that stands.
class Lane {
  constructor (peer, name) {
    Object.assign(this, { peer, name, core: peer.core, queue: null, bytes: 0, link: null, waker: null, queueWaker: null })
  }

  // keep dials whenever there is no connection, as long as there is the peer.
  async keep () {
    const { gone } = this.peer
    while (!gone.signal.aborted) {
      let wait = REDIAL
      try {
        await this.use(await this.peer.dial(this.name, gone.signal))
      } catch (error) {
        this.peer.failed(error)
        if (error.patient) wait = this.core.options.electionMs // the answer will be the same for a while
      }
      if (!gone.signal.aborted) await this.pause(wait)
    }
  }

  pause (ms) {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, ms)
      this.waker = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  wake () {
    if (this.waker) this.waker()
  }

  // use sends over a connection until it ends. The messages that wait for it then are lost with
  // it: on the next one they would be outdated (TR-20).
  async use (link) {
    const { core, peer } = this
    if (!core.stand(link)) {
      const error = new Error('the greetings do not fit any more')
      link.end(error)
      throw error
    }
    peer.reached()
    Object.assign(this, { link, queue: [], bytes: 0 })
    link.ended.then(() => this.wakeQueue())
    this.hear(link)
    try {
      await this.send(link)
    } catch (error) {
      link.end(error)
    }
    Object.assign(this, { link: null, queue: null })
    core.inbound.lost(peer.id, `the connection ended: ${link.error.message}`, true)
    core.leave(link)
    throw link.error
  }

  // hear waits for the end: nothing but heartbeats comes.
  async hear (link) {
    try {
      const { kind } = await link.next()
      link.end(new Error(`a frame of kind ${kind} instead of a heartbeat`))
    } catch (error) {
      link.end(error)
    }
  }

  async send (link) {
    for (;;) {
      if (link.error) throw link.error
      const { self } = this.core.book
      if (!same(self, link.said)) {
        link.said = self
        link.send(GREETING, self)
      }
      for (let written = 0; this.queue.length > 0 && written < WRITTEN;) {
        const envelope = this.queue.shift()
        this.bytes -= envelope.payload.length + EACH
        written += envelope.payload.length + EACH
        link.send(MESSAGE, envelope)
      }
      await link.room()
      if (this.queue.length === 0 && same(this.core.book.self, link.said)) await new Promise(resolve => { this.queueWaker = resolve; if (link.error) resolve() })
    }
  }

  wakeQueue () {
    const waker = this.queueWaker
    this.queueWaker = null
    if (waker) waker()
  }

  // put tells whether there is a connection with room for a message.
  put (envelope) {
    if (!this.queue || this.bytes > QUEUE) return false
    this.bytes += envelope.payload.length + EACH
    this.queue.push(envelope)
    this.wakeQueue()
    return true
  }

  end () {
    if (this.link) this.link.end(new Error('the peer is no longer one'))
    this.wake()
  }
}

module.exports = { Peer, greeted }

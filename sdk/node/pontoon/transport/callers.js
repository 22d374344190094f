'use strict'

// Connections that other nodes have dialled.

const { GREETING, HELLO, ANSWER, MESSAGE, SILENCE } = require('./link')
const { PING, SNAPSHOT, judgeCaller, said } = require('./hello')

const MOST = 512 // connections of others
const AGAIN = 60_000 // ms in which the log has one line of that
const GREETINGS = 16 // that a caller may send in a second
const CLASS_SNAPSHOT = 3

// Callers has the connections, in the order in which they came.
class Callers {
  constructor (core) {
    this.core = core
    this.links = new Set()
    this.warned = -AGAIN
  }

  // accept serves a connection to its end.
  async accept (socket) {
    const link = this.core.link(socket)
    if (!this.admit(link)) return
    let finished
    link.served = new Promise(resolve => { finished = resolve })
    try {
      if (await this.welcome(link)) await this.serve(link)
    } catch (error) {
      console.debug('the connection of a caller ended: %s', error.message)
      link.end(error)
    }
    this.links.delete(link)
    finished()
  }

  // admit gives a caller a place. If all are taken, the first one gives way that is of no member,
  // has not shown that it is, or is for a snapshot whose header has not come.
  admit (link) {
    if (this.links.size >= MOST) {
      const first = [...this.links].find(other => !other.standing || !this.core.peers.has(other.peer) || (other.lane === SNAPSHOT && !other.arriving))
      if (performance.now() - this.warned > AGAIN) {
        console.warn('there are %d connections of others: one that is of no member, or brings no snapshot, gives way', MOST)
        this.warned = performance.now()
      }
      ;(first || link).end(new Error('too many connections'))
      this.links.delete(first)
      if (!first) return false
    }
    this.links.add(link)
    return true
  }

  // welcome reads a hello and answers it. It tells whether the connection stands.
  async welcome (link) {
    const { core } = this
    const late = setTimeout(() => link.end(new Error('it says nothing')), SILENCE)
    const hello = said(await link.expect(HELLO))
    clearTimeout(late)
    let answer = judgeCaller(core, hello)
    Object.assign(link, { peer: hello.from, lane: hello.lane, met: hello.greeting, said: answer.greeting, accepted: true })
    if (answer.code === 'welcome' && link.lane !== PING) {
      const ok = await this.take(link)
      if (!ok) answer = { code: 'refused', cluster: answer.cluster, from: answer.from, text: 'the greetings do not fit any more' }
    }
    link.send(ANSWER, answer)
    if (answer.code === 'welcome' && link.lane !== PING) return true
    link.finish()
    await link.ended
    return false
  }

  // take lets the connection stand once the one before it of the same peer and lane has ended:
  // what it has still to deliver came first.
  async take (link) {
    const before = [...this.links].find(other => other !== link && other.standing && other.peer === link.peer && other.lane === link.lane)
    if (before && link.lane !== SNAPSHOT) {
      before.end(new Error('another connection takes its place'))
      await before.served
    }
    return this.core.stand(link)
  }

  async serve (link) {
    const { core } = this
    if (core.peers.has(link.peer)) link.countFor(link.peer)
    try {
      if (link.lane === SNAPSHOT) await core.receiving.take(link)
      else for (;;) await this.frame(link, await link.next())
    } finally {
      core.leave(link)
    }
  }

  async frame (link, { kind, body }) {
    if (kind === MESSAGE) await this.deliver(link, body)
    else if (kind === GREETING) this.renamed(link, body)
    else throw new Error(`a frame of kind ${kind}`)
  }

  renamed (link, greeting) {
    const now = performance.now()
    if (!(now - link.since < 1000)) Object.assign(link, { since: now, greetings: 0 })
    if (++link.greetings > GREETINGS) throw new Error('it says something new of itself too often')
    if (this.core.book.meet(link.peer, greeting)) throw new Error('its greeting does not fit')
    link.met = greeting
  }

  // deliver hands over a message, which must be one of this peer to this node.
  async deliver (link, message) {
    const { core } = this
    const { from, to, group, class: of, payload } = message
    if (from !== link.peer || to !== core.id || group !== core.options.group || of >= CLASS_SNAPSHOT || payload.length > core.mostPayload) {
      throw new Error(`a message from ${from} to ${to} of group ${group}, class ${of} and ${payload.length} bytes`)
    }
    await core.inbound.deliver(message)
  }

  end () {
    for (const link of this.links) link.end(new Error('this node is closing'))
  }
}

module.exports = { Callers }

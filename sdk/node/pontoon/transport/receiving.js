'use strict'

// Snapshots of peers: each is offered to the host, which takes it up or lets it wait.

const zlib = require('zlib')

const { Cancelled, InvalidArgument } = require('../errors')
const { PeerUnreachable } = require('./errors')
const { CHUNK, END, HEADER, VERDICT } = require('./link')

const OFFERS = 64 // that wait (TR-39)
const PATIENCE = 10 // election timeouts that an offer waits
const MAX_TEXT = 1 << 10
const EVENT_SNAPSHOT_OFFERED = 5

// A Receiving has the offers by their numbers, and serves ReceiveSnapshot.
class Receiving {
  constructor (core) {
    this.core = core
    this.offers = new Map()
    this.number = 0
  }

  // take serves a connection that brings a snapshot, to its end.
  async take (link) {
    const { core } = this
    const header = await link.expect(HEADER)
    if (header.from !== link.peer || header.to !== core.id || header.group !== core.options.group) {
      throw new Error(`a snapshot from ${header.from} to ${header.to} of group ${header.group}`)
    }
    link.arriving = true
    const verdict = this.offers.size >= OFFERS ? { later: true, text: 'too many snapshots wait' } : await this.offer(link, header)
    link.send(VERDICT, { ...verdict, text: Buffer.from(verdict.text || '').subarray(0, MAX_TEXT).toString() })
    link.finish()
    await link.ended
  }

  // offer waits until the host has judged the snapshot, lets it wait too long, or the connection
  // breaks before the host has begun.
  offer (link, header) {
    const { core } = this
    const offer = ++this.number
    return new Promise(resolve => {
      const withdraw = text => {
        if (this.offers.delete(offer)) resolve({ later: true, text })
      }
      const timer = setTimeout(() => withdraw('the host does not take it up'), PATIENCE * core.options.electionMs)
      link.ended.then(() => withdraw('the connection broke'))
      this.offers.set(offer, { link, header, judged: resolve, taken: () => clearTimeout(timer) })
      core.inbound.notify({ type: EVENT_SNAPSHOT_OFFERED, peer: link.peer, offer })
    })
  }

  async serve (call) {
    const { value: first, done } = await call.next()
    if (done) throw new InvalidArgument('the stream has no message')
    this.core.life.check(first.call)
    const offer = this.offers.get(first.offer)
    if (!offer) throw new InvalidArgument(`there is no offer ${first.offer}`)
    this.offers.delete(first.offer)
    offer.taken()
    const state = { ended: false }
    const verdict = this.verdict(call, state)
    verdict.catch(() => {})
    try {
      await Promise.race([this.pass(offer, call, state).then(() => verdict), verdict])
      const { error } = await verdict
      offer.judged(error ? { text: error } : { accepted: true })
    } catch (error) {
      offer.judged({ later: true, text: 'the host has not judged it' })
      throw error
    } finally {
      state.over = true
    }
  }

  // verdict is the host's second and last message (TR-41).
  async verdict (call, state) {
    const { value, done } = await call.next()
    if (done) throw new Cancelled('the host has ended the stream without a verdict')
    if (!value.verdict) throw new InvalidArgument('a second message without a verdict')
    if (!value.error && !state.ended) throw new InvalidArgument('an acceptance before the end')
    return value
  }

  // pass gives the host what comes as it comes. The end comes only if all has arrived unchanged.
  async pass ({ link, header }, call, state) {
    call.answer({ header })
    let length = 0
    let crc32 = 0
    for (;;) {
      const { kind, body } = await link.next().catch(error => { throw new PeerUnreachable(`the snapshot broke off after ${length} bytes: ${error.message}`) })
      if (state.over) return
      if (kind === CHUNK) {
        length += body.length
        crc32 = zlib.crc32(body, crc32)
        call.answer({ chunk: body })
        await call.room()
        continue
      }
      if (kind !== END || body.length !== length || body.crc32 !== crc32) {
        throw new PeerUnreachable(`the snapshot ends after ${length} bytes with another length or sum`)
      }
      state.ended = true
      call.answer({ end: body })
      return
    }
  }
}

module.exports = { Receiving }

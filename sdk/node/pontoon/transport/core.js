'use strict'

// A transport: an author's network with all that is not a network.

const { Closed, InvalidArgument, InvalidConfig } = require('../errors')
const { Lifecycle } = require('../lifecycle')
const { checkSection, limitsOf, optionsOf } = require('../options')
const { bytesOf } = require('../values')
const { addressText, listenOf, urlOf } = require('./address')
const { Book } = require('./book')
const { Callers } = require('./callers')
const { AddressInUse } = require('./errors')
const { Inbound } = require('./inbound')
const { Intake, Link } = require('./link')
const { methodsOf } = require('./methods')
const { Peer } = require('./peer')
const { Raft } = require('./raft')
const { Receiving } = require('./receiving')
const { Sending } = require('./sending')

const EVENT_ACTIVE = 2
const EVENT_INACTIVE = 3
const EVENT_UNVERIFIED = 8
const SPARE = 4 << 10 // bytes of a message beside its payload

// A Transport is a network and its calls.
class Transport {
  constructor (network, description) {
    this.network = network
    this.description = description
    this.schemes = description.capabilities.filter(c => c.startsWith('scheme:')).map(c => c.slice('scheme:'.length))
    this.life = new Lifecycle()
    this.inbound = new Inbound()
    this.peers = new Map()
    this.removed = new Map()
    this.links = new Set() // that stand
    this.callers = new Callers(this)
    this.raft = new Raft(this)
    this.sending = new Sending(this)
    this.receiving = new Receiving(this)
    this.server = null
    this.told = false
    this.hasMetrics = Boolean(network.metrics)
    this.methods = methodsOf(this)
  }

  open ({ options = {}, listen }) {
    return this.life.opening(options, async () => {
      checkSection(options, this.description)
      this.options = optionsOf(options)
      this.id = options.nodeId
      this.limits = limitsOf(options.limits)
      this.mostPayload = this.limits.message - SPARE
      this.inbound.most = this.limits.sendBatch
      this.intake = new Intake(5 * this.limits.message) // each lane of a member has two at most
      this.book = new Book(event => this.inbound.notify(event), options.electionMs)
      if (this.network.open) await this.network.open(this.options)
      const server = await this.listen(listenOf(listen))
      if (this.life.state === 'closed') {
        server.close()
        throw new Closed('closed while it opened')
      }
      this.server = server
      return { address: addressText(server.address()) }
    })
  }

  async listen (address) {
    try {
      return await this.network.listen(address, socket => this.callers.accept(socket))
    } catch (error) {
      if (error.code === 'EADDRINUSE') throw new AddressInUse(`listen on port ${address.port}: ${error.message}`)
      if (error.syscall === 'listen' || error.syscall === 'getaddrinfo') throw new InvalidConfig(error.message)
      throw error
    }
  }

  // setPeers keeps connections, but for those of peers that are gone and those that the set
  // contradicts (TR-5).
  setPeers (request) {
    this.life.check(request.call)
    const ending = new Set(this.book.set(request))
    if (!this.told) this.inbound.notify({ type: EVENT_UNVERIFIED }) // callers prove nothing
    this.told = true
    this.removed = new Map(request.removed.map(m => [m.id, m]))
    for (const id of this.removed.keys()) ending.add(id)
    const gone = this.peers
    const wrong = []
    this.peers = new Map()
    for (const { id, urls } of request.peers) {
      this.removed.delete(id)
      const peer = gone.get(id) || new Peer(this, id)
      gone.delete(id)
      this.peers.set(id, peer)
      peer.setUrls(this.usable(urls, wrong))
      peer.rename()
    }
    for (const [id, peer] of gone) {
      peer.end()
      ending.add(id)
    }
    for (const link of this.links) {
      if (ending.has(link.peer)) link.end(new Error('it does not fit what the host says'))
      else this.book.named(link.peer)
    }
    this.inbound.forget(this.peers)
    if (wrong.length > 0) throw new InvalidArgument(wrong.join('; '))
    return {}
  }

  // usable are the URLs that the network dials.
  usable (urls, wrong) {
    return urls.flatMap(text => {
      try {
        const url = urlOf(text)
        return this.schemes.includes(url.scheme) ? [url] : []
      } catch (error) {
        wrong.push(error.message)
        return []
      }
    })
  }

  link (socket) {
    return new Link(socket, this.limits.message, this.intake)
  }

  // stand makes a connection one of the node's until leave. It tells whether the greetings of
  // both ends still fit.
  stand (link) {
    if (this.life.state !== 'open' || link.error || !this.book.stands(link.peer, link.met, link.said)) return false
    const first = ![...this.links].some(other => other.peer === link.peer)
    link.standing = true
    this.links.add(link)
    this.book.named(link.peer)
    if (first) this.inbound.notify({ type: EVENT_ACTIVE, peer: link.peer })
    return true
  }

  leave (link) {
    if (!this.links.delete(link)) return
    link.standing = false
    if (![...this.links].some(other => other.peer === link.peer)) this.inbound.notify({ type: EVENT_INACTIVE, peer: link.peer })
  }

  metrics () {
    const text = this.network.metrics()
    return text ? bytesOf(text, 'what metrics returns') : undefined
  }

  async close (request) {
    this.life.close(request.call)
    await this.finish()
    return {}
  }

  // end is the end of a host that has left without a Close.
  async end () {
    this.life.giveUp()
    await this.finish()
  }

  // finish ends listening, all connections and all streams (TR-45).
  async finish () {
    const { server } = this
    this.server = null
    const free = server ? new Promise(resolve => server.close(resolve)) : null
    for (const peer of this.peers.values()) peer.end()
    this.callers.end()
    for (const link of this.links) link.end(new Error('this node is closing'))
    this.sending.end(new Closed('closed'))
    if (this.inbound.call) this.inbound.call.fail(new Closed('closed'))
    this.inbound.close()
    await free
  }
}

module.exports = { Transport }

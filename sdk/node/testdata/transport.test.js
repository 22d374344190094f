'use strict'

// Rules of transports that the conformance kit does not reach over the calls of a process.

const assert = require('node:assert')
const { once } = require('node:events')
const net = require('node:net')
const { test } = require('node:test')

const { Calls } = require('./pontoon/calls.js')
const { decode, encode } = require('./pontoon/codec.js')
const { addressText, listenOf, urlOf } = require('./pontoon/transport/address.js')
const { Book } = require('./pontoon/transport/book.js')
const { Transport } = require('./pontoon/transport/core.js')
const { Inbound } = require('./pontoon/transport/inbound.js')
const { CHUNK, HEADER, HELLO, MESSAGE } = require('./pontoon/transport/link.js')

const CALL = { group: 1, incarnation: 7 }
const GREETED = 6
const UNREACHABLE = 1
const OFFERED = 5

// A Network is TCP on loopback.
class Network {
  async listen ({ port }, accept) {
    const server = net.createServer(accept)
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return server
  }

  async dial ({ port }, signal) {
    const socket = net.connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect', { signal })
    } catch (error) {
      socket.destroy()
      throw error
    }
    return socket
  }
}

// A Node is a transport that is open, with what it has told its host.
class Node {
  constructor (t, id) {
    this.id = id
    this.core = new Transport(new Network(), { name: 'pigeon', capabilities: ['scheme:pigeon'] })
    this.calls = new Calls({ postMessage: events => this.take(events) }, this.core.methods)
    this.open = new Map()
    this.number = 0
    this.events = []
    this.envelopes = []
    this.reading = true // the host takes what comes
    t.after(() => this.answer('Close', {}))
  }

  async start () {
    const options = { ...CALL, clusterId: 3, nodeId: this.id, tickMs: 10, electionMs: 100 }
    const { address } = await this.answer('Open', { options, listen: '127.0.0.1:0' })
    this.port = Number(address.split(':')[1])
    this.stream = this.begin('Raft')
    this.send(this.stream, {})
  }

  begin (name) {
    const call = { id: ++this.number, answers: [], path: `/pontoon.plugin.v1.Transport/${name}` }
    call.done = new Promise(resolve => { call.finish = resolve })
    this.open.set(call.id, call)
    this.calls.take([['open', call.id, call.path]])
    return call
  }

  send (call, request) {
    this.calls.take([['message', call.id, encode(this.core.methods[call.path].request, { call: CALL, ...request })]])
  }

  end (call) {
    this.calls.take([['end', call.id]])
    return call.done
  }

  take (events) {
    for (const [what, id, value] of events) {
      const call = this.open.get(id)
      if (what === 'status') call.finish(value)
      if (what !== 'message') continue
      const answer = decode(this.core.methods[call.path].response, Buffer.from(value))
      call.answers.push(answer)
      this.events.push(...(answer.events || []))
      this.envelopes.push(...(answer.envelopes || []))
      if (this.reading) setImmediate(() => this.calls.take([['sent', id, value.length + 64]]))
    }
  }

  async status (name, ...requests) {
    const call = this.begin(name)
    for (const request of requests) this.send(call, request)
    return { ...await this.end(call), answers: call.answers }
  }

  async answer (name, request) {
    const { code, text, answers } = await this.status(name, request)
    assert.strictEqual(code, 0, text)
    return answers[0]
  }

  peers (...others) {
    return this.answer('SetPeers', { peers: others.map(o => ({ id: o.id, urls: [`pigeon://127.0.0.1:${o.port}`] })), self: { store: 70 + this.id } })
  }

  has (type) {
    return this.events.filter(e => e.type === type)
  }
}

// pair are two nodes that are each other's peers.
async function pair (t) {
  const [a, b] = [new Node(t, 1), new Node(t, 2)]
  await Promise.all([a.start(), b.start()])
  await Promise.all([a.peers(b), b.peers(a)])
  await until(() => [a, b].every(n => n.core.links.size === 4))
  return [a, b]
}

async function until (condition) {
  while (!condition()) await new Promise(resolve => setTimeout(resolve, 5))
}

function frame (kind, body) {
  const head = Buffer.alloc(5)
  head[0] = kind
  head.writeUInt32BE(body.length, 1)
  return Buffer.concat([head, body])
}

function hello (from, lane = 'bulk', store = 9) {
  return frame(HELLO, Buffer.from(encode('link.Hello', { cluster: 3, from, to: 1, lane, greeting: { store } })))
}

// called is a connection to a node on which these bytes were sent.
async function called (node, ...bytes) {
  const socket = net.connect(node.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.on('error', () => {})
  for (const b of bytes) socket.write(b)
  return socket
}

test('addresses and URLs of other forms are refused', () => {
  assert.deepStrictEqual(listenOf('[::1]:80'), { host: '::1', port: 80 })
  assert.deepStrictEqual(listenOf(':0'), { host: '', port: 0 })
  assert.strictEqual(addressText({ address: '::', port: 7 }), '[::]:7')
  assert.deepStrictEqual(urlOf('pigeon://[::1]:80').host, '::1')
  for (const bad of ['', 'x', 'x:', 'x:65536', '::1:80']) assert.throws(() => listenOf(bad), bad)
  for (const bad of ['', 'pigeon://x', 'pigeon://x:0', 'pigeon://x:65536', 'pigeon://x:1/y', 'pigeon://a@x:1', 'pigeon://x:1?y', '://x:1']) {
    assert.throws(() => urlOf(bad), bad)
  }
})

test('what the host sent before it heard of a break is outdated, and what it sent after is not (TR-21)', () => {
  const inbound = new Inbound()
  inbound.lost(2, 'no room')
  assert.strictEqual(inbound.isOutdated(2, 1), false)
  inbound.take()
  inbound.lost(2, 'it broke', true) // in message 2
  assert.deepStrictEqual([1, 2, 3, 0].map(heard => inbound.isOutdated(2, heard)), [true, true, false, false])
  inbound.take()
  assert.deepStrictEqual([2, 3].map(heard => inbound.isOutdated(2, heard)), [true, false])
  inbound.before = inbound.taken // another stream counts from 1
  assert.strictEqual(inbound.isOutdated(2, 1), false)
})

test('envelopes come before events, and a greeting in an earlier message than what follows it (TR-22, TR-29)', () => {
  const inbound = new Inbound()
  const message = text => ({ class: 1, payload: Buffer.from(text) })
  inbound.most = 1000
  inbound.deliver(message('before'))
  inbound.notify({ type: GREETED, peer: 2 })
  inbound.deliver(message('after'))
  inbound.deliver(message('x'.repeat(900)))
  const shapes = [inbound.take(), inbound.take(), inbound.take()].map(s => [s.envelopes.length, s.events.length])
  assert.deepStrictEqual(shapes, [[1, 1], [1, 0], [1, 0]])
  assert.strictEqual(inbound.take(), null)
})

test('reports of one peer that wait are one, and events are bounded', () => {
  const inbound = new Inbound()
  for (let i = 0; i < 10; i++) inbound.lost(2, 'x'.repeat(10000))
  for (let i = 0; i < 5000; i++) inbound.notify({ type: 2, peer: i })
  const { events } = inbound.take()
  assert.strictEqual(events.length, 4096 - 512)
  assert.strictEqual(events[0].detail.length, 4096)
  for (let i = 0; i < 4097; i++) inbound.notify({ type: GREETED, peer: i })
  assert.match(inbound.failure.message, /greeting/)
})

test('a mismatch is told once in an election timeout, and strangers are few', () => {
  const events = []
  const book = new Book(event => events.push(event), 1000)
  const says = store => ({ store, number: 0, founding: 0, voters: 0 })
  book.set({ self: says(1), peers: [{ id: 2, store: 7 }] })
  for (let i = 0; i < 3; i++) assert.ok(book.meet(2, says(8)))
  assert.deepStrictEqual(events.map(e => [e.peer, e.reason, e.verdict, e.known]), [[2, 1, 1, 7]])
  for (let i = 0; i < 200; i++) book.meet(1000 + i, says(9))
  assert.strictEqual(events.length, 1 + 64)
  assert.ok(book.pages.size <= 65)
  book.refused(2, { reason: 1, known: 1, own: says(1), peer: says(7) }) // it accuses of nothing
  assert.strictEqual(events.length, 65)
})

test('a clock that is set ends no connection, and withholds no event', async t => {
  const node = new Node(t, 1)
  await node.start()
  await node.peers()
  const socket = await called(node, hello(9))
  await until(() => node.core.links.size === 1)
  const [link] = node.core.links
  const events = []
  const book = new Book(event => events.push(event), 20)
  const says = store => ({ store, number: 0, founding: 0, voters: 0 })
  book.set({ self: says(1), peers: [{ id: 2, store: 7 }] })
  book.meet(2, says(8))
  const now = Date.now
  t.after(() => { Date.now = now })
  Date.now = () => now() + 3_600_000
  link.tick()
  assert.strictEqual(link.error, null)
  Date.now = () => now() - 3_600_000
  const begun = performance.now()
  while (events.length < 2 && performance.now() - begun < 2000) {
    book.meet(2, says(8))
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  assert.strictEqual(events.length, 2)
  socket.destroy()
})

test('a host that takes nothing holds up connections, and not the plugin (TR-25)', async t => {
  const [a, b] = await pair(t)
  b.reading = false
  const payload = Buffer.alloc(1 << 20)
  for (let i = 0; i < 120; i++) a.send(a.stream, { envelopes: [{ group: 1, from: 1, to: 2, class: 1, payload }] })
  await until(() => a.has(UNREACHABLE).length > 0) // there is no room for all
  assert.ok(b.core.inbound.bytes < 64 << 20, `${b.core.inbound.bytes} bytes wait`)
  b.reading = true
  b.calls.take([['sent', b.stream.id, 1 << 30]])
  await until(() => b.envelopes.length > 40)
})

test('bytes of others end their connection alone', async t => {
  const [a, b] = await pair(t)
  const envelope = fields => frame(MESSAGE, Buffer.from(encode('Envelope', { group: 1, from: 9, to: 1, class: 1, ...fields })))
  for (const bytes of [
    [Buffer.alloc(100, 0xff)], [frame(HELLO, Buffer.from([0x0a, 0xff]))], [frame(MESSAGE, Buffer.alloc(9))], [hello(9), hello(9)],
    [hello(9), Buffer.from([MESSAGE, 0xff, 0xff, 0xff, 0xff])], [hello(9), envelope({ from: 2 })], [hello(9), envelope({ to: 2 })],
    [hello(9), envelope({ group: 2 })], [hello(9), envelope({ class: 3 })], [hello(9), envelope({ class: 7 })], [hello(9, 'other')],
    [hello(0)], [hello(1)], [hello(9, 'snapshot'), envelope({})]
  ]) {
    const socket = await called(a, ...bytes)
    await once(socket.resume(), 'close')
  }
  assert.deepStrictEqual(a.envelopes, [])
  assert.strictEqual(b.core.links.size, 4)
  a.send(a.stream, { envelopes: [{ group: 1, from: 1, to: 2, class: 0, payload: Buffer.from('x') }] })
  await until(() => b.envelopes.length === 1)
})

test('callers that are of no member give way, and members keep their places', async t => {
  const [a, b] = await pair(t)
  const callers = []
  for (let i = 0; i < 600; i++) callers.push(await called(a))
  await until(() => a.core.callers.links.size === 512)
  assert.strictEqual([...a.core.callers.links].filter(link => link.peer === 2).length, 2)
  assert.strictEqual(b.core.links.size, 4)
  for (const socket of callers) socket.destroy()
  await until(() => a.core.callers.links.size === 2)
})

test('connections for snapshots that do not come give way', async t => {
  const [a] = await pair(t)
  const callers = []
  for (let i = 0; i < 510; i++) callers.push(await called(a, hello(2, 'snapshot', 72)))
  await until(() => a.core.callers.links.size === 512 && a.core.links.size === 514)
  const late = await called(a, hello(9))
  const turnedAway = once(late.resume(), 'close').then(() => false)
  const welcomed = once(late, 'data').then(() => true)
  assert.ok(await Promise.race([turnedAway, welcomed]), 'there was no place for it')
  for (const socket of [...callers, late]) socket.destroy()
})

test('bytes of strangers that wait are bounded together', async t => {
  const node = new Node(t, 1)
  await node.start()
  await node.peers()
  node.core.intake.most = 1 << 20
  const part = Buffer.alloc(300 << 10)
  const head = Buffer.from([MESSAGE, 1, 0, 0, 0]) // of 16 MiB
  const sockets = []
  for (let i = 0; i < 5; i++) sockets.push(await called(node, hello(100 + i), head, part))
  const closed = sockets.map(s => once(s.resume(), 'close'))
  await Promise.race(closed)
  for (const s of sockets) s.destroy()
  await until(() => node.core.intake.bytes.size === 0)
})

test('frames without bytes are bounded too, while nothing takes them', async t => {
  const node = new Node(t, 1)
  await node.start()
  await node.peers({ id: 9, port: 1 })
  const header = frame(HEADER, Buffer.from(encode('SnapshotHeader', { group: 1, from: 9, to: 1, bytes: 0 })))
  const empty = Buffer.concat(Array(200_000).fill(frame(CHUNK, Buffer.alloc(0))))
  const socket = await called(node, hello(9, 'snapshot'), header, empty)
  await until(() => node.has(OFFERED).length === 1)
  const [link] = node.core.links
  await until(() => link.socket.isPaused() || link.frames.length === 200_000)
  assert.ok(link.frames.length < 50_000, `${link.frames.length} frames wait`)
  socket.destroy()
})

test('an offer that its sender takes back is gone, and one too many waits for no host (TR-39, TR-40)', async t => {
  const node = new Node(t, 1)
  await node.start()
  await node.peers({ id: 9, port: 1 })
  const header = frame(HEADER, Buffer.from(encode('SnapshotHeader', { group: 1, from: 9, to: 1, bytes: 0 })))
  const sockets = []
  for (let i = 0; i < 65; i++) sockets.push(await called(node, hello(9, 'snapshot'), header))
  await once(sockets[64].resume(), 'end') // it has got its verdict
  assert.strictEqual(node.has(OFFERED).length, 64)
  sockets[0].destroy()
  await until(() => node.core.receiving.offers.size === 63)
  const status = await node.status('ReceiveSnapshot', { offer: node.has(OFFERED)[0].offer })
  assert.strictEqual(status.reason, 'INVALID_ARGUMENT')
  for (const socket of sockets) socket.destroy()
  await until(() => node.core.receiving.offers.size === 0)
})

test('a new greeting reaches a peer over the connections that stand (TR-33)', async t => {
  const [a, b] = await pair(t)
  const links = [...a.core.links]
  await a.answer('SetPeers', { peers: [{ id: 2, urls: [`pigeon://127.0.0.1:${b.port}`] }], self: { store: 71, number: 5 } })
  await until(() => b.has(GREETED).some(e => e.greeting.number === 5))
  assert.deepStrictEqual([...a.core.links], links)
})

test('a snapshot that its receiver refuses at once is refused, also while it waits to be sent (TR-36)', async t => {
  const [a, b] = await pair(t)
  const call = a.begin('SendSnapshot')
  a.send(call, { header: { group: 1, from: 1, to: 2, bytes: 40 << 20 } })
  await until(() => b.has(OFFERED).length === 1)
  for (let i = 0; i < 40; i++) a.send(call, { chunk: Buffer.alloc(1 << 20) })
  b.reading = false
  const receiving = b.begin('ReceiveSnapshot')
  b.send(receiving, { offer: b.has(OFFERED)[0].offer })
  await until(() => call.answers.length > 0 || receiving.answers.length > 3)
  b.send(receiving, { verdict: true, error: 'not wanted' })
  const { reason, text } = await call.done
  assert.strictEqual(reason, 'SNAPSHOT_REFUSED', text)
  assert.match(text, /not wanted/)
  assert.strictEqual((await receiving.done).code, 0)
  b.reading = true
  b.calls.take([['sent', b.stream.id, 1 << 30]])
})

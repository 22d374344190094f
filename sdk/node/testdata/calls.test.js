'use strict'

// Rules that the conformance kit does not reach, on the calls themselves.

const assert = require('node:assert')
const { test } = require('node:test')
const zlib = require('node:zlib')

const apply = require('./pontoon/apply.js')
const { Calls } = require('./pontoon/calls.js')
const { decode, encode } = require('./pontoon/codec.js')
const { Core } = require('./pontoon/core.js')
const { MAX_TEXT, InvalidQuery, status, statusOf } = require('./pontoon/errors.js')
const { check } = require('./pontoon/machine.js')
const pontoon = require('./pontoon/index.js')

const CALL = { group: 1, incarnation: 7 }
const REASONS = { NOT_OPEN: 9, CLOSED: 9, LIMIT: 8, INVALID_ARGUMENT: 3, INVALID_CONFIG: 3, INVALID_QUERY: 3, BAD_SNAPSHOT: 15, TOO_MANY_STREAMS: 8 }

// A Machine answers each query with its data.
class Machine {
  got = Buffer.alloc(0)

  apply (batch) {
    return batch.entries.map(e => e.data.toString() === 'break' ? null.fail : e.data)
  }

  query (data) { return data }

  queryStream () { return [Buffer.alloc(0), 'x'.repeat(10), 'y'] }

  save () { return ['abc', Buffer.from('defgh')] }

  async restore (index, chunks) {
    const all = []
    for await (const chunk of chunks) all.push(chunk)
    this.got = Buffer.concat(all)
  }
}

// A Plugin is a machine with its calls, and a port that has no thread at its other end.
class Plugin {
  constructor (machine = new Machine(), description = {}) {
    this.core = new Core(machine, { name: 'm', capabilities: [], ...description })
    this.methods = this.core.methods
    this.calls = new Calls({ postMessage: events => this.take(events) }, this.methods)
    this.open = new Map()
    this.number = 0
    this.reading = true // the host reads what is sent
  }

  // call begins a call with requests; end tells whether there are no more.
  call (name, requests, end = true) {
    const path = `/pontoon.plugin.v1.StateMachine/${name}`
    const call = { id: ++this.number, answers: [], path }
    call.done = new Promise(resolve => { call.finish = resolve })
    this.open.set(call.id, call)
    this.calls.take([['open', call.id, path]])
    for (const request of requests) this.send(call, request)
    if (end) this.calls.take([['end', call.id]])
    return call
  }

  send (call, request) {
    this.calls.take([['message', call.id, encode(this.methods[call.path].request, { call: CALL, ...request })]])
  }

  cancel (call) {
    this.calls.take([['cancel', call.id]])
  }

  take (events) {
    for (const [what, id, value] of events) {
      const call = this.open.get(id)
      if (what === 'message') {
        call.answers.push(decode(this.methods[call.path].response, Buffer.from(value)))
        if (this.reading) setImmediate(() => this.calls.take([['sent', id, value.length + 64]]))
      } else if (what === 'status') {
        call.finish(value)
      }
    }
  }

  // answers of a call that succeeds.
  async answers (name, ...requests) {
    const call = this.call(name, requests)
    const { code, text } = await call.done
    assert.strictEqual(code, 0, text)
    return call.answers
  }

  // refused is the text of a call that fails with a reason.
  async refused (reason, name, ...requests) {
    const { code, text, reason: got } = await this.call(name, requests).done
    assert.deepStrictEqual([got, code], [reason, reason ? REASONS[reason] : 2], text)
    return text
  }
}

async function opened (machine, description, { config, ...limits } = {}) {
  const p = new Plugin(machine, description)
  await p.answers('Open', { options: { ...CALL, config: Buffer.from(config || ''), limits } })
  return p
}

function batch (seq, first, ...datas) {
  const entries = datas.map((data, i) => ({ index: first + i, data: Buffer.from(data) }))
  return { seq, entries, through: first + datas.length - 1 }
}

// settled lets everything go on that waits for nothing outside.
async function settled () {
  for (let i = 0; i < 20; i++) await new Promise(resolve => setImmediate(resolve))
}

test('the trailer is that of the protocol page', () => {
  const want = 'CAUSBG5vbmUaTAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLkVycm9ySW5mbxIgCgtOT19TTkFQU0hPVBIRcG9udG9vbi5wbHVnaW4udjE'
  const { details } = statusOf(5, 'none', 'NO_SNAPSHOT')
  assert.strictEqual(Buffer.from(details).toString('base64').replace(/=*$/, ''), want)
})

test('a long text is cut between characters', () => {
  const { text } = status('query', new InvalidQuery('x' + 'é'.repeat(5000)))
  assert.strictEqual(text, 'x' + 'é'.repeat((MAX_TEXT - 2) / 2))
})

test('numbers are exact, and a message that cannot be read is refused', () => {
  for (const group of [0, 127, 128, 2 ** 32, 2 ** 49, Number.MAX_SAFE_INTEGER, 2n ** 53n, 2n ** 64n - 1n]) {
    assert.strictEqual(decode('Call', Buffer.from(encode('Call', { group }))).group, group)
  }
  for (const bad of ['08', '0a', '0a05', '08ffffffffffffffffffff01', '0f', '0d0000']) {
    assert.throws(() => decode('Call', Buffer.from(bad, 'hex')), bad)
  }
  assert.throws(() => decode('QueryRequest', Buffer.from('120561', 'hex')))
  assert.throws(() => decode('QueryRequest', Buffer.from('0a0308', 'hex')))
  assert.throws(() => decode('QueryRequest', Buffer.from('0a01081201', 'hex'))) // a field ends with its message, and not after
  assert.throws(() => decode('StreamEnd', Buffer.from('150000', 'hex')))
  assert.deepStrictEqual(decode('Call', Buffer.from('5a0161080162020000', 'hex')).group, 1) // unknown fields are passed over
  assert.throws(() => decode('ApplyRequest', Buffer.from('1a00'.repeat(80000), 'hex')), /elements/)
  assert.deepStrictEqual(decode('DescribeResponse', Buffer.from('22020102', 'hex')).protocols, [1, 2]) // packed
  assert.throws(() => encode('Call', { group: -1 }), TypeError)
})

test('an empty chunk is a part of its message', () => {
  const raw = Buffer.from(encode('QueryStreamChunk', { chunk: Buffer.alloc(0) }))
  assert.deepStrictEqual([...raw], [10, 0])
  assert.strictEqual(decode('QueryStreamChunk', raw).chunk.length, 0)
  assert.strictEqual(decode('QueryStreamChunk', Buffer.alloc(0)).chunk, undefined)
})

test('a machine without schema takes comments alone', async () => {
  for (const config of ['', '{}', 'null\n', '# one\n  # two\n']) await opened(new Machine(), {}, { config })
  for (const config of ['a: 1', '# one\na: 1', '[]', '\0']) {
    await new Plugin().refused('INVALID_CONFIG', 'Open', { options: { ...CALL, config: Buffer.from(config) } })
  }
})

test('a machine that cannot be right is refused', () => {
  check(new Machine(), {})
  class Late extends Machine { * save () { yield 'x' } }
  class Later extends Machine { async * queryStream () { yield 'x' } }
  class Durable extends Machine { durable () { return 0 } }
  for (const [machine, stateHash] of [[new Late()], [new Later()], [new Durable()], [{}], [new Machine(), 'sum']]) {
    assert.throws(() => check(machine, { stateHash }), TypeError)
  }
})

test('an error in apply ends all service', async () => {
  const p = await opened()
  await p.refused('', 'Apply', batch(1, 1, 'ok', 'break'))
  await p.refused('CLOSED', 'Query', {})
})

test('a wrong number of results is an error, and so is a result that is no bytes', async () => {
  for (const [results, says] of [[[], /0 results for 1/], [undefined, /no list/], [[7], /not 7/], [[{}], /not a Object/]]) {
    const machine = new Machine()
    machine.apply = () => results
    const p = await opened(machine)
    assert.match(await p.refused('', 'Apply', batch(1, 1, 'x')), says)
    await p.refused('CLOSED', 'Query', {})
  }
})

test('numbers that are not exact are refused', async () => {
  const huge = 2n ** 53n
  for (const request of [{ ...batch(1, 1, 'x'), through: huge }, { seq: 1, through: 1, entries: [{ index: 1, term: huge }] }]) {
    await (await opened()).refused('LIMIT', 'Apply', request)
  }
})

test('parts have a mebibyte and end with the last', () => {
  const results = ['x'.repeat(400_000), new pontoon.Refused('no'), null, Buffer.alloc(1 << 20), Buffer.alloc((1 << 20) + 1), 'w']
  const got = apply.parts({ seq: 3, appliedIndex: 9 }, 1, results, false)
  assert.deepStrictEqual(got.map(p => p.results.length), [4, 1, 2])
  assert.deepStrictEqual(got.map(p => Boolean(p.more)), [...got.slice(1).map(() => true), false])
  assert.deepStrictEqual(got.map(p => p.appliedIndex), [...got.slice(1).map(() => undefined), 9])
  const flat = got.flatMap(p => p.results)
  assert.deepStrictEqual(flat.map(r => [r.data ? r.data.length : 0, Boolean(r.skipped), Boolean(r.leftOut)]),
    [[0, true, false], [400_000, false, false], [0, false, false], [0, false, false], [1 << 20, false, false], [0, false, true], [1, false, false]])
  assert.strictEqual(flat[2].error, 'no')
})

test('a refusal without a text is a refusal', () => {
  for (const text of ['', undefined, 0]) {
    const [{ results: [result] }] = apply.parts({ seq: 1 }, 0, [new pontoon.Refused(text)], false)
    const [read] = decode('ApplyResponse', Buffer.from(encode('ApplyResponse', { seq: 1, results: [result] }))).results
    assert.notStrictEqual(read.error, '')
  }
})

test('an answer is of the state before the next batch', async () => {
  const machine = new Machine()
  machine.state = Buffer.from('a')
  machine.query = () => machine.state
  machine.apply = batch => {
    machine.state.write('b')
    return batch.entries.map(() => null)
  }
  const p = await opened(machine)
  const asked = p.call('Query', [{}])
  const applied = p.call('Apply', [batch(1, 1, 'x')])
  await Promise.all([asked.done, applied.done])
  assert.strictEqual(asked.answers[0].data.toString(), 'a')
})

test('what restore throws is told, whatever it is', async () => {
  for (const thrown of ['no sum', null, undefined, new Error('no sum')]) {
    const machine = new Machine()
    machine.restore = () => { throw thrown }
    const p = await opened(machine)
    const text = await p.refused('BAD_SNAPSHOT', 'Restore', { header: { index: 1 } }, { end: { length: 0, crc32: 0 } })
    assert.match(text, thrown ? /no sum/ : new RegExp(String(thrown)))
  }
})

test('packed numbers are bounded as others are', () => {
  const packed = Buffer.concat([Buffer.from([18, 0x80, 0x80, 0x08]), Buffer.alloc(1 << 17, 1)])
  assert.throws(() => decode('SnapshotFormats', packed), /more than 70577 elements/)
  assert.strictEqual(decode('SnapshotFormats', Buffer.from([18, 2, 1, 2])).readable.length, 2)
})

test('results over 64 MiB are left out', () => {
  const results = Array.from({ length: 70 }, () => Buffer.alloc(1 << 20))
  const flat = apply.parts({ seq: 1 }, 0, results, false).flatMap(p => p.results)
  assert.deepStrictEqual(flat.map(r => Boolean(r.leftOut)), results.map((_, i) => i > 62))
})

test('an entry outlives its message', async () => {
  const machine = new Machine()
  machine.apply = b => { machine.kept = b.entries[0].data; return [null] }
  const p = await opened(machine)
  const raw = encode('ApplyRequest', { call: CALL, ...batch(1, 1, 'kept') })
  const call = p.call('Apply', [], false)
  p.calls.take([['message', call.id, raw], ['end', call.id]])
  await call.done
  raw.fill(0)
  assert.strictEqual(machine.kept.toString(), 'kept')
})

test('methods that are asynchronous never meet', async () => {
  const machine = new Machine()
  let inside = 0
  const slowly = async value => {
    assert.strictEqual(inside++, 0)
    await settled()
    inside--
    return value
  }
  machine.apply = b => slowly(b.entries.map(() => null))
  machine.query = data => slowly(data)
  machine.save = () => slowly(['x'])
  machine.queryStream = () => slowly(['x'])
  const p = await opened(machine)
  await Promise.all([
    p.answers('Apply', { ...batch(1, 1, 'a'), prepareSnapshot: true }, batch(2, 2, 'b')),
    ...[1, 2, 3].map(() => p.answers('Query', {})), p.answers('QueryStream', {})
  ])
})

test('queries over a hundred are refused at once', async () => {
  const machine = new Machine()
  let go
  const going = new Promise(resolve => { go = resolve })
  machine.query = async data => { await going; return data }
  const p = await opened(machine)
  const asking = Array.from({ length: 100 }, () => p.answers('Query', {}))
  await p.refused('LIMIT', 'Query', {})
  go()
  await Promise.all(asking)
  assert.strictEqual((await p.answers('Query', { data: Buffer.from('q') }))[0].data.toString(), 'q')
})

test('answers in chunks over 64 are refused, and chunks are cut', async () => {
  const machine = new Machine()
  let go
  const going = new Promise(resolve => { go = resolve })
  machine.queryStream = () => slow(going, ['', 'x'.repeat(10), 'y'])
  const p = await opened(machine, {}, { sendChunkBytes: 4 })
  const running = Array.from({ length: 64 }, () => p.call('QueryStream', [{}]))
  await settled()
  await p.refused('TOO_MANY_STREAMS', 'QueryStream', {})
  go()
  await Promise.all(running.map(c => c.done))
  const chunks = running[0].answers.map(a => a.end ? a.end.length : a.chunk.toString())
  assert.deepStrictEqual(chunks, ['', 'xxxx', 'xxxx', 'xx', 'y', 11])
  await p.answers('QueryStream', {})
})

async function * slow (going, pieces) {
  await going
  yield * pieces
}

test('an answer that waits for news ends with its call, and is counted until it has', async () => {
  const machine = new Machine()
  let told
  machine.queryStream = (data, signal) => feed(signal)
  async function * feed (signal) {
    yield 'first'
    await new Promise(resolve => { told = resolve; signal.addEventListener('abort', resolve) })
  }
  const p = await opened(machine)
  const call = p.call('QueryStream', [{}])
  await settled()
  p.cancel(call)
  await settled()
  assert.deepStrictEqual([call.answers.length, p.core.querier.streams, p.core.life.sharing], [1, 0, 0])
  assert.ok(told)
})

test('a host that does not read holds the machine up in that call alone', async () => {
  const machine = new Machine()
  let given = 0
  machine.queryStream = () => endless()
  function * endless () { for (;;) { given++; yield Buffer.alloc(10_000) } }
  const p = await opened(machine)
  p.reading = false
  const call = p.call('QueryStream', [{}])
  await settled()
  assert.ok(given < 40, `${given} chunks`)
  p.reading = true
  await p.answers('Apply', batch(1, 1, 'a'))
  p.cancel(call)
  await settled()
  assert.strictEqual(p.core.life.sharing, 0)
})

test('a seventeenth view is refused before the batch', async () => {
  const p = await opened()
  const requests = Array.from({ length: 17 }, (_, i) => ({ seq: i + 1, through: i + 1, prepareSnapshot: true }))
  const call = p.call('Apply', requests)
  assert.strictEqual((await call.done).reason, 'LIMIT')
  assert.deepStrictEqual(call.answers.map(a => a.snapshot), Array.from({ length: 16 }, (_, i) => i + 1))
  assert.strictEqual(p.core.applied, 16)
})

test('the end of a snapshot is that of what the machine gave', async () => {
  const p = await opened(new Machine(), {}, { sendChunkBytes: 3 })
  await p.answers('Apply', { seq: 1, through: 1, prepareSnapshot: true })
  const answers = await p.answers('SaveSnapshot', { snapshot: 1 })
  const { end } = answers.pop()
  assert.deepStrictEqual(answers.map(a => a.chunk.toString()), ['abc', 'def', 'gh'])
  assert.deepStrictEqual([end.length, end.crc32], [8, zlib.crc32('abcdefgh')])
  await p.refused('INVALID_ARGUMENT', 'SaveSnapshot', { snapshot: 1 })
})

const HEADER = { header: { index: 5 } }

function chunk (text) {
  return { chunk: Buffer.from(text) }
}

function end (text) {
  return { end: { length: text.length, crc32: zlib.crc32(text) } }
}

test('a piece of a snapshot is read at once: its bytes may change after', async () => {
  const machine = new Machine()
  machine.save = () => reused()
  function * reused () {
    const piece = Buffer.alloc(1)
    for (const letter of 'abcde') { piece.write(letter); yield piece }
  }
  const p = await opened(machine, {}, { sendChunkBytes: 3 })
  await p.answers('Apply', { seq: 1, through: 1, prepareSnapshot: true })
  const answers = await p.answers('SaveSnapshot', { snapshot: 1 })
  assert.deepStrictEqual(answers.map(a => a.chunk ? a.chunk.toString() : a.end.crc32), ['abc', 'de', zlib.crc32('abcde')])
})

test('a close drops views, and waits for no query', async () => {
  const machine = new Machine()
  let dropped = 0
  machine.save = () => ({ next: () => ({ done: true }), return: () => { dropped++ }, [Symbol.iterator] () { return this } })
  machine.query = () => new Promise(() => {})
  const p = await opened(machine)
  await p.answers('Apply', { seq: 1, through: 1, prepareSnapshot: true }, { seq: 2, through: 2, prepareSnapshot: true })
  await p.answers('SaveSnapshot', { snapshot: 1, discard: true })
  assert.strictEqual(dropped, 1)
  p.call('Query', [{}])
  await settled()
  await p.answers('Close', {})
  assert.strictEqual(dropped, 2)
})

test('a restore waits for calls, and calls wait for it', async () => {
  const p = await opened()
  p.reading = false
  p.core.machine.queryStream = () => Array.from({ length: 100 }, () => 'x'.repeat(10_000))
  const reading = p.call('QueryStream', [{}])
  await settled()
  const restoring = p.call('Restore', [HEADER, chunk('ab'), end('ab')])
  await settled()
  const querying = p.call('Query', [{ data: Buffer.from('q') }])
  await settled()
  assert.deepStrictEqual([p.core.applied, querying.answers.length], [0, 0])
  p.cancel(reading)
  p.reading = true
  assert.strictEqual((await restoring.done).code, 0)
  assert.strictEqual((await querying.done).code, 0)
  assert.deepStrictEqual([p.core.applied, p.core.machine.got.toString()], [5, 'ab'])
})

test('a close ends a restore that waits for its host', async () => {
  const p = await opened()
  const restoring = p.call('Restore', [HEADER, chunk('ab')], false)
  await settled()
  await p.answers('Close', {})
  assert.strictEqual((await restoring.done).reason, 'CLOSED')
})

test('what a machine leaves, and what it does not understand, is no snapshot', async () => {
  for (const restore of [() => {}, () => { throw new RangeError('short') }]) {
    const machine = new Machine()
    machine.restore = async (index, chunks) => { await chunks[Symbol.asyncIterator]().next(); restore() }
    await (await opened(machine)).refused('BAD_SNAPSHOT', 'Restore', HEADER, chunk('ab'), chunk('cd'), end('abcd'))
  }
})

test('an error of the stream is not hidden by the machine', async () => {
  const machine = new Machine()
  machine.restore = async (index, chunks) => { try { for await (const _ of chunks); } catch {} } // eslint-disable-line no-unused-vars
  for (const requests of [[chunk('ab')], [chunk('ab'), end('abc')], [chunk('ab'), HEADER, end('ab')]]) {
    await (await opened(machine)).refused('INVALID_ARGUMENT', 'Restore', HEADER, ...requests)
  }
  await (await opened(machine, {}, { maxChunkBytes: 1 })).refused('LIMIT', 'Restore', HEADER, chunk('ab'), end('ab'))
})

test('the example of the page works', async () => {
  const page = require('node:fs').readFileSync('node.md', 'utf8')
  const code = page.split('```js\n')[1].split('```')[0]
  let machine
  const served = { ...pontoon, serve: given => { machine = given } }
  // eslint-disable-next-line no-new-func
  const run = () => { new Function('require', code)(name => name.startsWith('./pontoon') ? served : require(name)); return opened(machine) }
  const [p, restored] = [await run(), await run()]
  const [{ results }] = await p.answers('Apply', batch(1, 1, '40', 'x', '2'))
  assert.deepStrictEqual(results.map(r => [r.data.toString(), Boolean(r.error)]), [['40', false], ['', true], ['42', false]])
  const state = [...p.core.machine.save()].join('')
  await restored.answers('Restore', HEADER, chunk(state), end(state))
  for (const each of [p, restored]) {
    assert.strictEqual((await each.answers('Query', { data: Buffer.from('total') }))[0].data.toString(), '42')
  }
  await p.refused('INVALID_QUERY', 'Query', { data: Buffer.from('x') })
})

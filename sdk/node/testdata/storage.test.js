'use strict'

// Rules of storages that the conformance kit does not reach over the calls of a process.

const assert = require('node:assert')
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')

const { Calls } = require('./pontoon/calls.js')
const { decode, encode } = require('./pontoon/codec.js')
const { Store } = require('./pontoon/storage/core.js')
const { writeAll } = require('./pontoon/storage/files.js')
const { LogState } = require('./pontoon/storage/logstate.js')

const CALL = { group: 1, incarnation: 7 }

// A Log keeps nothing. Its append waits while it is held.
class Log {
  static broken = null // an error of the next write
  static held = null // a promise that append waits for
  entries = []

  async open ({ begun }) {
    this.begun = begun
    return new LogState()
  }

  async append (batches) {
    await Log.held
    if (Log.broken) throw Log.broken
    for (const { entries } of batches) {
      if (entries.length > 0) this.entries.length = entries[0].index - 1
      this.entries.push(...entries)
    }
    Log.appends.push(batches)
  }

  read (lo, hi) { return this.entries.slice(lo - 1, hi - 1) }

  replace () { if (Log.broken) throw Log.broken }

  close () {}
}

// A Plugin is a store with its calls, in a directory of its own.
class Plugin {
  constructor (t, directory = fs.mkdtempSync(path.join(os.tmpdir(), 'store-'))) {
    Object.assign(Log, { broken: null, held: null, appends: [] })
    this.directory = directory
    t.after(() => fs.rmSync(this.directory, { recursive: true, force: true }))
    this.start()
  }

  // start is another process in the same directory.
  start () {
    this.core = new Store({ name: 'tape' }, () => new Log(), new Log())
    this.calls = new Calls({ postMessage: events => this.take(events) }, this.core.methods)
    this.open = new Map()
    this.number = 0
  }

  begin (name) {
    const call = { id: ++this.number, answers: [], path: `/pontoon.plugin.v1.Storage/${name}` }
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

  cancel (call) {
    this.calls.take([['cancel', call.id]])
  }

  take (events) {
    for (const [what, id, value] of events) {
      const call = this.open.get(id)
      if (what === 'message') {
        call.answers.push(decode(this.core.methods[call.path].response, Buffer.from(value)))
        setImmediate(() => this.calls.take([['sent', id, value.length + 64]]))
      } else if (what === 'status') {
        call.finish(value)
      }
    }
  }

  // answers of a call that succeeds.
  async answers (name, ...requests) {
    const call = this.begin(name)
    for (const request of requests) this.send(call, request)
    const { code, text } = await this.end(call)
    assert.strictEqual(code, 0, text)
    return call.answers
  }

  // refused is the status of a call that fails with a reason.
  async refused (reason, name, ...requests) {
    const call = this.begin(name)
    for (const request of requests) this.send(call, request)
    const status = await this.end(call)
    assert.strictEqual(status.reason, reason, status.text)
    assert.notStrictEqual(status.code, 0)
    return status
  }

  opens () {
    return this.answers('Open', { options: { ...CALL, clusterId: 3, nodeId: 2n ** 60n, dataDir: this.directory } })
  }
}

async function opened (t) {
  const p = new Plugin(t)
  await p.opens()
  return p
}

function append (seq, first, ...datas) {
  const entries = datas.map((data, i) => ({ term: 1, index: first + i, data: Buffer.from(data) }))
  return { seq, entries, hardState: { term: 1, vote: 1, commit: 0 }, mustSync: true }
}

async function settled () {
  for (let i = 0; i < 50; i++) await new Promise(resolve => setImmediate(resolve))
}

const snapshot = (index, received = false) => ({ header: { metadata: { index, term: 1 }, received } })

test('requests that wait while an append runs share the next one', async t => {
  const p = await opened(t)
  let release
  Log.held = new Promise(resolve => { release = resolve })
  const call = p.begin('Append')
  p.send(call, append(1, 1, 'x'))
  await settled()
  for (let i = 2; i <= 9; i++) p.send(call, append(i, i, 'x'))
  await settled()
  assert.deepStrictEqual(call.answers, [])
  for (let i = 10; i <= 20; i++) p.send(call, append(i, i, 'x'))
  release()
  assert.strictEqual((await p.end(call)).code, 0)
  assert.deepStrictEqual(call.answers.map(a => a.seq), [1, 20])
  assert.deepStrictEqual(Log.appends.map(batches => batches.length), [1, 19])
})

test('what was received is appended though its host gives up, and the next stream waits for it (ST-18)', async t => {
  const p = await opened(t)
  let release
  Log.held = new Promise(resolve => { release = resolve })
  const first = p.begin('Append')
  for (let i = 1; i <= 3; i++) {
    p.send(first, append(i, i, 'x'))
    if (i === 1) await settled()
  }
  p.cancel(first)
  const second = p.begin('Append')
  p.send(second, append(1, 4, 'y'))
  await settled()
  release()
  assert.strictEqual((await p.end(second)).code, 0)
  const [{ entries }] = await p.answers('Read', { lo: 1, hi: 5, maxBytes: 100 })
  assert.deepStrictEqual(entries.map(e => e.data.toString()), ['x', 'x', 'x', 'y'])
})

test('a request that is refused leaves those before it (ST-16)', async t => {
  const p = await opened(t)
  const call = p.begin('Append')
  for (const request of [append(1, 1, 'a'), append(2, 2, 'b'), append(3, 9, 'far'), append(4, 3, 'c')]) p.send(call, request)
  assert.strictEqual((await p.end(call)).reason, 'INVALID_ARGUMENT')
  assert.strictEqual(call.answers[call.answers.length - 1].seq, 2)
  await p.refused('INVALID_ARGUMENT', 'Append', append(2, 3, 'c'))
  await p.answers('Append', append(1, 3, 'c'))
})

test('after a write that failed nothing is served, and the lock is there until Close (ST-17)', async t => {
  for (const [code, reason] of [['ENOSPC', 'NO_SPACE'], ['EIO', '']]) {
    const p = await opened(t)
    Log.broken = Object.assign(new Error(code), { code })
    await p.refused(reason, 'Append', append(1, 1, 'x'))
    Log.broken = null
    await p.refused('CLOSED', 'Append', append(1, 1, 'x'))
    await p.refused('CLOSED', 'Read', { lo: 1, hi: 1 })
    await p.refused('CLOSED', 'SaveSnapshot', snapshot(1, true))
    const lock = path.join(p.directory, 'LOCK')
    assert.throws(() => execFileSync('flock', ['-n', lock, 'true']))
    await p.answers('Close', {})
    execFileSync('flock', ['-n', lock, 'true'])
  }
})

test('LOCKED names path and holder', async t => {
  const p = await opened(t)
  const other = new Plugin(t, p.directory)
  const { details } = await other.refused('LOCKED', 'Open', { options: { ...CALL, dataDir: p.directory } })
  const { metadata } = decode('google.ErrorInfo', decode('google.Status', Buffer.from(details)).details[0].value)
  const said = Object.fromEntries(metadata.map(({ key, value }) => [key, value]))
  assert.strictEqual(said.path, path.join(p.directory, 'LOCK'))
  assert.match(said.holder, new RegExp(`plugin pid ${process.pid} `))
  await p.answers('Close', {})
  await other.opens()
  await other.answers('Close', {})
})

test('a store keeps its id, and knows whose it is', async t => {
  const p = await opened(t)
  const [{ storeId }] = [await p.answers('Close', {}), p.start(), ...await p.opens()].slice(2)
  assert.notStrictEqual(BigInt(storeId), 0n)
  await p.answers('Close', {})
  p.start()
  const other = { ...CALL, clusterId: 4, nodeId: 2n ** 60n, dataDir: p.directory }
  await p.refused('WRONG_IDENTITY', 'Open', { options: other })
  assert.strictEqual((await p.opens())[0].storeId, storeId)
  await p.answers('Close', {})
  for (const [change, reason] of [[b => { b[44] ^= 1 }, 'CORRUPT'], [b => { b[5] ^= 1 }, 'WRONG_IDENTITY']]) {
    const file = path.join(p.directory, 'identity')
    const bytes = fs.readFileSync(file)
    const changed = Buffer.from(bytes)
    change(changed)
    fs.writeFileSync(file, changed)
    p.start()
    await p.refused(reason, 'Open', { options: { ...other, clusterId: 3 } })
    fs.writeFileSync(file, bytes)
  }
  fs.rmSync(path.join(p.directory, 'identity'))
  fs.writeFileSync(path.join(p.directory, 'entries'), 'x')
  p.start()
  await p.refused('CORRUPT', 'Open', { options: { ...other, clusterId: 3 } })
})

test('a snapshot that was cut leaves no file, and one that the end of the store cuts is refused (ST-27)', async t => {
  const p = await opened(t)
  await p.answers('Append', append(1, 1, 'x'))
  const files = () => fs.readdirSync(p.directory).filter(name => /part|snap|recv/.test(name))
  await p.refused('CANCELLED', 'SaveSnapshot', snapshot(1), { chunk: Buffer.alloc(1000) })
  assert.deepStrictEqual(files(), [])
  await p.refused('INVALID_ARGUMENT', 'SaveSnapshot', snapshot(1), { end: { length: 1, crc32: 0 } })
  const waiting = p.begin('SaveSnapshot')
  p.send(waiting, snapshot(1))
  p.send(waiting, { chunk: Buffer.from('x') })
  await settled()
  await p.answers('Close', {})
  assert.strictEqual((await waiting.done).reason, 'CLOSED')
})

test('a snapshot whose file has changed is not read to its end (ST-32), and one whose end has is left out', async t => {
  const p = await opened(t)
  await p.answers('Append', append(1, 1, 'x', 'y'))
  for (const index of [1, 2]) await p.answers('SaveSnapshot', snapshot(index), { chunk: Buffer.from('hello') }, { end: { length: 5, crc32: 0x3610a686 } })
  const whole = await p.answers('OpenSnapshot', { index: 2 })
  assert.deepStrictEqual(whole.slice(1).map(({ chunk, end }) => chunk ? chunk.toString() : end), ['hello', { length: 5, crc32: 0x3610a686 }])
  const file = path.join(p.directory, fs.readdirSync(p.directory).filter(name => name.endsWith('.snap'))[1])
  const bytes = fs.readFileSync(file)
  fs.writeFileSync(file, Buffer.concat([Buffer.from('h'), Buffer.from('E'), bytes.subarray(2)]))
  await p.refused('CORRUPT', 'OpenSnapshot', { index: 2 })
  bytes[bytes.length - 30] ^= 1
  fs.writeFileSync(file, bytes)
  await p.answers('Close', {})
  p.start()
  const { reason, text } = await p.refused('CORRUPT', 'Open', { options: { ...CALL, clusterId: 3, nodeId: 2n ** 60n, dataDir: p.directory } })
  assert.match(text, /the log ends at 0/, reason) // this log forgets
})

test('an installation that a crash has stopped is finished by the next Open', async t => {
  const p = await opened(t)
  await p.answers('SaveSnapshot', snapshot(9, true), { end: { length: 0, crc32: 0 } })
  await p.refused('NO_SNAPSHOT', 'InstallSnapshot', { index: 8 })
  const { shelf } = p.core.held
  shelf.install = async (index, record) => {
    await record(shelf.receivedAt(index))
    throw new Error('killed')
  }
  await p.refused('', 'InstallSnapshot', { index: 9 })
  await p.answers('Close', {})
  p.start()
  Log.prototype.open = async () => new LogState(9, 1)
  const [answer] = await p.opens()
  assert.deepStrictEqual([answer.firstIndex, answer.hardState.commit, answer.snapshots.map(s => s.metadata.index)], [10, 9, [9]])
  await p.answers('Close', {})
  Log.prototype.open = async () => new LogState()
})

test('a log that gives more than is wanted is cut, and one that gives nothing is damaged', async t => {
  const p = await opened(t)
  await p.answers('Append', append(1, 1, 'abc', 'd', 'e'))
  for (const [maxBytes, n] of [[0, 1], [3, 1], [4, 2], [5, 3], [2n ** 64n - 1n, 3]]) {
    const answers = await p.answers('Read', { lo: 1, hi: 4, maxBytes })
    assert.strictEqual(answers.flatMap(a => a.entries).length, n, `at most ${maxBytes}`)
  }
  p.core.held.log.entries.shift()
  await p.refused('CORRUPT', 'Read', { lo: 1, hi: 4, maxBytes: 9 })
})

test('indexes are exact numbers', async t => {
  const p = await opened(t)
  await p.refused('LIMIT', 'SaveSnapshot', snapshot(2n ** 60n, true))
  await p.refused('INVALID_ARGUMENT', 'Append', { seq: 1, entries: [{ term: 1, index: 2n ** 60n }] })
  await p.refused('ENTRIES_UNAVAILABLE', 'Read', { lo: 1, hi: 2n ** 64n - 1n })
  await p.refused('INVALID_ARGUMENT', 'Compact', { index: 2n ** 64n - 1n })
  await p.refused('NO_SNAPSHOT', 'OpenSnapshot', { index: 2n ** 64n - 1n })
})

test('a request has as many small entries as its bytes hold', () => {
  const data = Buffer.alloc(18)
  const entries = Array.from({ length: 300_000 }, (_, i) => ({ term: 1, index: 2 ** 14 + i, data }))
  assert.strictEqual(decode('AppendRequest', Buffer.from(encode('AppendRequest', { entries }))).entries.length, entries.length)
})

test('what a disk takes in parts is written as a whole, or there is an error', async () => {
  for (const most of [1, 3, 4, 7, 100]) {
    const disk = Buffer.alloc(20)
    const writev = async (buffers, at) => {
      const part = Buffer.concat(buffers).subarray(0, most)
      part.copy(disk, at)
      return { bytesWritten: part.length }
    }
    await writeAll({ writev }, ['one', '', 'two', 'three'].map(text => Buffer.from(text)), 5)
    assert.equal(disk.subarray(5, 16).toString(), 'onetwothree', `${most} bytes at a time`)
  }
  await assert.rejects(writeAll({ writev: async () => ({ bytesWritten: 0 }) }, [Buffer.from('a')], 0), { code: 'ENOSPC' })
})

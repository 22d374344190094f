'use strict'

// The process of a plugin: its streams, signals and end.

const assert = require('node:assert')
const { spawn } = require('node:child_process')
const fs = require('node:fs')
const http2 = require('node:http2')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const zlib = require('node:zlib')

const { decode, encode } = require('./pontoon/codec.js')
const { bundle } = require('./pontoon/bundle.js')

const COOKIE = 'b2f1c7d4-0c55-4b0e-9a64-7d1a3f6e8e21'
const CALL = { group: 1, incarnation: 1 }
const PROGRAM = `
  const pontoon = require('./pontoon/index.js')
  console.log('printed before the handshake')
  function * endless () { for (;;) yield Buffer.alloc(1000) }
  async function * wait (signal) { await new Promise(resolve => signal.addEventListener('abort', resolve)) }
  pontoon.serve({
    apply (batch) { process.stdout.write('printed later\\n'); return batch.entries.map(() => null) },
    async query (data) {
      if (data.toString() === 'refuse') throw new pontoon.InvalidQuery('50% of é\\n')
      if (data.toString() === 'log') { console.warn('a warning'); console.error('x'.repeat(100000)) }
      if (data.toString() === 'hang') for (;;);
      if (data.toString() === 'lose') Promise.reject(new Error('lost'))
      if (data.toString() === 'child') return require('child_process').spawnSync('cat').stdout
      return data
    },
    queryStream (data, signal) { return { wait: () => wait(signal), all: endless, one: () => ['x'] }[data]() },
    metrics () { return 'm 1\\n' },
    save () { return [] },
    async restore (index, chunks) {
      if (index === 5) await new Promise(() => {}) // it reads nothing
      for await (const chunk of chunks);
    }
  }, { name: 'm', version: '1' })
`

// A Running is a plugin's process, in one file as an author makes it.
class Running {
  constructor (t, environment) {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'p'))
    const main = path.join(__dirname, `program-${path.basename(this.dir)}.js`)
    fs.writeFileSync(main, PROGRAM)
    bundle(main, path.join(this.dir, 'm.cjs'))
    fs.rmSync(main)
    const kept = { PATH: process.env.PATH, HOME: process.env.HOME } // as a host does
    const env = { ...kept, PLUGIN_UNIX_SOCKET_DIR: this.dir, PLUGIN_PROTOCOL_VERSIONS: '1', ...environment }
    this.process = spawn(path.join(this.dir, 'm.cjs'), { env, stdio: 'pipe' })
    this.out = this.err = ''
    this.process.stdout.on('data', text => { this.out += text })
    this.process.stderr.on('data', text => { this.err += text })
    this.ended = new Promise(resolve => this.process.on('close', (code, signal) => resolve(signal || code)))
    t.after(() => {
      this.process.kill('SIGKILL')
      if (this.client) this.client.destroy()
      fs.rmSync(this.dir, { recursive: true })
    })
  }

  async serving () {
    await until(() => this.out.includes('\n'))
    const socket = path.join(this.dir, 's')
    assert.strictEqual(this.out, `1|1|unix|${socket}|grpc|\n`)
    this.client = http2.connect('http://plugin', { createConnection: () => net.connect(socket) })
    this.client.on('error', () => {})
    return this
  }

  // call is one with a single request. It gives the answer, and the status.
  call (service, method, raw) {
    const stream = this.stream(service, method)
    stream.end(framed(raw))
    return new Promise(resolve => {
      const pieces = []
      let status, message
      const read = headers => { status = headers['grpc-status']; message = headers['grpc-message'] }
      stream.on('response', read).on('trailers', read)
      stream.on('data', bytes => pieces.push(bytes))
      stream.on('close', () => resolve({ status, message, answer: Buffer.concat(pieces).subarray(5) }))
    })
  }

  stream (service, method) {
    const stream = this.client.request({ ':method': 'POST', ':path': `/${service}/${method}`, te: 'trailers' })
    stream.on('error', () => {})
    return stream
  }

  async query (text) {
    const { status, answer } = await this.call('pontoon.plugin.v1.StateMachine', 'Query', encode('QueryRequest', { call: CALL, data: Buffer.from(text) }))
    return status === '0' ? decode('QueryResponse', answer).data.toString() : `status ${status}`
  }

  async open () {
    const { status } = await this.call('pontoon.plugin.v1.StateMachine', 'Open', encode('StateMachineOpenRequest', { options: CALL }))
    assert.strictEqual(status, '0')
  }
}

function framed (raw) {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(raw.length, 1)
  return Buffer.concat([head, raw])
}

async function until (condition) {
  while (!condition()) await new Promise(resolve => setTimeout(resolve, 5))
}

function started (t) {
  return new Running(t, { PONTOON_PLUGIN: COOKIE }).serving()
}

test('started by hand it says what it is', async t => {
  const p = new Running(t, {})
  assert.strictEqual(await p.ended, 64)
  assert.match(p.err, /a host starts it/)
})

test('it ends with its standard input', async t => {
  const p = await started(t)
  p.process.stdin.end()
  assert.strictEqual(await p.ended, 0)
})

test('it ends when it is told to', async t => {
  const p = await started(t)
  assert.strictEqual((await p.call('plugin.GRPCController', 'Shutdown', Buffer.alloc(0))).status, '0')
  assert.strictEqual(await p.ended, 0)
})

test('a method that holds its thread holds up neither the session nor the end', async t => {
  const p = await started(t)
  await p.open()
  p.query('hang')
  const session = p.stream('pontoon.plugin.v1.Plugin', 'Session')
  const answers = []
  session.on('data', bytes => answers.push(decode('SessionResponse', bytes.subarray(5))))
  for (let seq = 1; seq <= 3; seq++) {
    session.write(framed(encode('SessionRequest', { seq, metrics: seq === 2 })))
    await until(() => answers.length === seq)
  }
  assert.deepStrictEqual(answers.map(a => [a.seq, a.metrics.length]), [[1, 0], [2, 0], [3, 0]])
  p.process.stdin.end()
  assert.strictEqual(await p.ended, 'SIGKILL')
})

test('it ignores signals of terminals', async t => {
  const p = await started(t)
  for (const signal of ['SIGINT', 'SIGTERM']) p.process.kill(signal)
  await p.open()
  assert.strictEqual(await p.query('q'), 'q')
})

test('what is printed goes to the log, and children have no lifeline', async t => {
  const p = await started(t)
  await p.open()
  assert.strictEqual(await p.query('child'), '')
  p.process.stdin.end()
  assert.strictEqual(await p.ended, 0)
  assert.strictEqual(p.out.split('\n').length, 2)
  assert.deepStrictEqual(JSON.parse(p.err.split('\n')[0]), { level: 'INFO', msg: 'printed before the handshake' })
})

test('a rejection that nothing handles is reported and ends the process', async t => {
  const p = await started(t)
  await p.open()
  p.query('lose')
  assert.strictEqual(await p.ended, 1)
  const last = JSON.parse(p.err.trim().split('\n').pop())
  assert.strictEqual(last.level, 'ERROR')
  assert.match(last.msg, /unhandledRejection[^]*lost\n +at /) // with its stack, in one record
})

test('a host may give up thousands of calls', async t => {
  const p = await started(t)
  await p.open()
  for (let i = 0; i < 60; i++) {
    await Promise.all(Array.from({ length: 50 }, () => {
      const stream = p.stream('pontoon.plugin.v1.StateMachine', 'Query')
      stream.end(framed(encode('QueryRequest', { call: CALL, data: Buffer.from('q') })))
      setImmediate(() => stream.close(http2.constants.NGHTTP2_CANCEL))
      return new Promise(resolve => stream.on('close', resolve))
    }))
  }
  assert.strictEqual(await p.query('q'), 'q')
})

test('calls that were given up end', async t => {
  const p = await started(t)
  await p.open()
  for (let i = 0; i < 100; i++) { // more than run at a time
    const stream = p.stream('pontoon.plugin.v1.StateMachine', 'QueryStream')
    stream.end(framed(encode('QueryStreamRequest', { call: CALL, data: Buffer.from(i % 2 ? 'wait' : 'all') })))
    let refused
    stream.on('response', headers => { refused = headers['grpc-status'] })
    setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), 2)
    await new Promise(resolve => stream.on('close', resolve))
    assert.strictEqual(refused, undefined)
  }
  const { status } = await p.call('pontoon.plugin.v1.StateMachine', 'QueryStream', encode('QueryStreamRequest', { call: CALL, data: Buffer.from('one') }))
  assert.strictEqual(status, '0')
})

test('a host waits with a snapshot that the machine does not read', async t => {
  const p = await started(t)
  await p.open()
  const stream = p.stream('pontoon.plugin.v1.StateMachine', 'Restore')
  stream.write(framed(encode('RestoreRequest', { call: CALL, header: { index: 5 } })))
  const chunk = framed(encode('RestoreRequest', { chunk: Buffer.alloc(1 << 20) }))
  let taken = 0
  const write = () => stream.write(chunk, error => { if (!error) { taken++; write() } })
  write()
  await until(() => taken > 2)
  for (let i = 0, before = -1; before < taken; i++) { // until nothing more is taken for a while
    before = taken
    for (let turn = 0; turn < 20; turn++) await p.call('pontoon.plugin.v1.Plugin', 'Describe', Buffer.alloc(0))
  }
  assert.ok(taken < 32, `${taken} MiB wait`)
})

test('a snapshot may be larger than what waits of it', async t => {
  const p = await started(t)
  await p.open()
  const stream = p.stream('pontoon.plugin.v1.StateMachine', 'Restore')
  const answered = new Promise(resolve => stream.on('data', bytes => resolve(decode('RestoreResponse', bytes.subarray(5)))))
  stream.write(framed(encode('RestoreRequest', { call: CALL, header: { index: 6 } })))
  const chunk = Buffer.alloc(1 << 20)
  let crc32 = 0
  for (let i = 0; i < 40; i++) {
    crc32 = zlib.crc32(chunk, crc32)
    await new Promise(resolve => stream.write(framed(encode('RestoreRequest', { chunk })), resolve))
  }
  stream.write(framed(encode('RestoreRequest', { end: { length: 40 << 20, crc32 } })))
  assert.strictEqual((await answered).length, 40 << 20)
})

test('a text has its characters, and a long record of the log is one line', async t => {
  const p = await started(t)
  await p.open()
  const { status, message } = await p.call('pontoon.plugin.v1.StateMachine', 'Query', encode('QueryRequest', { call: CALL, data: Buffer.from('refuse') }))
  assert.deepStrictEqual([status, message], ['3', '50%25 of %C3%A9%0A'])
  await p.query('log')
  await until(() => p.err.split('\n').length > 3)
  const session = p.stream('pontoon.plugin.v1.Plugin', 'Session')
  session.write(framed(encode('SessionRequest', { seq: 1, logLevel: 'error' })))
  await new Promise(resolve => session.once('data', resolve))
  await p.query('log')
  await until(() => p.err.split('\n').length > 4)
  const lines = p.err.trim().split('\n')
  assert.ok(lines.every(line => line.length < 16 << 10))
  assert.deepStrictEqual(lines.map(line => JSON.parse(line).level), ['INFO', 'WARN', 'ERROR', 'ERROR'])
})

test('a method that is not there, and a message that is too large, are refused', async t => {
  const p = await started(t)
  assert.strictEqual((await p.call('pontoon.plugin.v1.StateMachine', 'Guess', Buffer.alloc(0))).status, '12')
  const stream = p.stream('pontoon.plugin.v1.StateMachine', 'Query')
  const refused = new Promise(resolve => stream.on('response', headers => resolve(headers['grpc-status'])))
  stream.write(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]))
  assert.strictEqual(await refused, '8')
  await p.open()
  const compressed = p.stream('pontoon.plugin.v1.StateMachine', 'Query')
  compressed.end(Buffer.concat([Buffer.from([1, 0, 0, 0, 2]), Buffer.from('0a00', 'hex')]))
  assert.strictEqual(await new Promise(resolve => compressed.on('response', headers => resolve(headers['grpc-status']))), '12')
})

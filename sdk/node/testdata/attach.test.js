'use strict'

// A plugin that is started by hand, and hosts that attach to it.

const assert = require('node:assert')
const { spawn } = require('node:child_process')
const fs = require('node:fs')
const http2 = require('node:http2')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')

const { decode, encode } = require('./pontoon/codec.js')
const { bundle } = require('./pontoon/bundle.js')

const HELLO = 'PONTOON_PLUGIN=b2f1c7d4-0c55-4b0e-9a64-7d1a3f6e8e21\nPLUGIN_PROTOCOL_VERSIONS=1\n\n'
const CALL = { group: 1, incarnation: 1 }
const MACHINE = `class Count {
    n = 0
    apply (batch) { return batch.entries.map(() => { this.n++; return null }) }
    query () { return String(this.n) }
    save () { return [] }
    async restore (index, chunks) { for await (const chunk of chunks); }
    close () { console.log('closed with %d', this.n) }
  }
  require('./pontoon/index.js').serve(MADE, { name: 'count', version: '1' })`

// started is a plugin that waits for hosts.
async function started (t, made) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'a'))
  const main = path.join(__dirname, `attach-${path.basename(dir)}.js`)
  fs.writeFileSync(main, MACHINE.replace('MADE', made))
  bundle(main, path.join(dir, 'm.cjs'))
  fs.rmSync(main)
  const p = { at: path.join(dir, 's'), said: '', dir }
  p.process = spawn(path.join(dir, 'm.cjs'), ['attach', p.at], { env: { PATH: process.env.PATH }, stdio: 'pipe' })
  for (const stream of [p.process.stdout, p.process.stderr]) stream.on('data', text => { p.said += text })
  p.ended = new Promise(resolve => p.process.on('close', (code, signal) => resolve(signal || code)))
  t.after(() => {
    p.process.kill('SIGKILL')
    fs.rmSync(dir, { recursive: true })
  })
  await until(() => p.said.includes(`address: unix://${p.at}\n`))
  return p
}

// attach is what the plugin answers to the lines of a host.
async function attach (p, lines = HELLO) {
  const connection = net.connect(p.at)
  let line = ''
  connection.on('data', text => { line += text }).on('error', () => {})
  connection.write(lines)
  await until(() => line.endsWith('\n') || connection.destroyed)
  return { connection, line }
}

// call is one with a single request and a single answer.
function call (socket, method, type, request, answer) {
  return new Promise((resolve, reject) => {
    const client = http2.connect('http://plugin', { createConnection: () => net.connect(socket) }).on('error', reject)
    const stream = client.request({ ':method': 'POST', ':path': method, te: 'trailers' }).on('error', reject)
    const pieces = []
    let status
    const read = headers => { status = headers['grpc-status'] || status }
    stream.on('response', read).on('trailers', read).on('data', bytes => pieces.push(bytes)).on('close', () => {
      client.destroy()
      resolve({ status, answer: status === '0' && answer ? decode(answer, Buffer.concat(pieces).subarray(5)) : null })
    })
    const raw = encode(type, request)
    const head = Buffer.alloc(5)
    head.writeUInt32BE(raw.length, 1)
    stream.end(Buffer.concat([head, raw]))
  })
}

const service = 'pontoon.plugin.v1.StateMachine'

// count opens the machine, has it apply an entry, and asks it.
async function count (line) {
  const socket = line.split('|')[3]
  assert.strictEqual((await call(socket, `/${service}/Open`, 'StateMachineOpenRequest', { options: CALL })).status, '0')
  const entries = [{ index: 1, data: Buffer.from('x') }]
  assert.strictEqual((await call(socket, `/${service}/Apply`, 'ApplyRequest', { call: CALL, seq: 1, entries, through: 1 })).status, '0')
  const { answer } = await call(socket, `/${service}/Query`, 'QueryRequest', { call: CALL }, 'QueryResponse')
  return answer.data.toString()
}

async function until (condition) {
  while (!condition()) await new Promise(resolve => setTimeout(resolve, 5))
}

test('each host finds a machine that was never open', async t => {
  const p = await started(t, '() => new Count()')
  for (let i = 1; i <= 3; i++) {
    const { connection, line } = await attach(p)
    assert.strictEqual(line, `1|1|unix|${p.at}.${i}|grpc|\n`)
    assert.strictEqual(await count(line), '1')
    const { status } = await call(line.split('|')[3], '/plugin.GRPCController/Shutdown', 'CloseRequest', {})
    assert.strictEqual(status, '12') // a host that goes hangs up
    connection.end()
    await until(() => connection.destroyed)
    await until(() => p.said.split('closed with 1').length === i + 1)
    assert.strictEqual(fs.existsSync(`${p.at}.${i}`), false)
  }
})

test('one host at a time is attached, and no other program', async t => {
  const p = await started(t, '() => new Count()')
  const first = await attach(p)
  for (let i = 0; i < 3; i++) assert.match((await attach(p)).line, /^-\|another host is attached/)
  assert.strictEqual(p.said.split('a host was refused: another').length, 2) // the log has it once
  first.connection.destroy()
  for (const lines of ['GET / HTTP/1.1\r\n\n\n', HELLO.replace('b2f1', 'b2f2'), 'x'.repeat(5000)]) {
    assert.match((await attach(p, lines)).line, /^-\|the other end is not a Pontoon host/)
  }
  assert.match((await attach(p, HELLO.replace('=1\n', '=2,3\n'))).line, /^-\|the host speaks other versions/)
  let again
  await until(() => p.said.includes('the host has gone'))
  for (again = await attach(p); again.line.startsWith('-'); again = await attach(p));
  assert.match(again.line, /^1\|1\|unix\|/)
})

test('without a function there is one host', async t => {
  const p = await started(t, 'new Count()')
  const { connection, line } = await attach(p)
  assert.strictEqual(await count(line), '1')
  connection.end()
  assert.strictEqual(await p.ended, 0)
  assert.match(p.said, /no function that makes one/)
})

test('a directory that others may enter is refused', async t => {
  const p = await started(t, '() => new Count()')
  const other = spawn(path.join(p.dir, 'm.cjs'), ['attach', p.at], { env: { PATH: process.env.PATH }, stdio: 'pipe' })
  let said = ''
  other.stderr.on('data', text => { said += text })
  assert.strictEqual(await new Promise(resolve => other.on('close', resolve)), 64)
  assert.match(said, /listens on .* already/)
  fs.chmodSync(p.dir, 0o755)
  const open = spawn(path.join(p.dir, 'm.cjs'), ['attach', p.at], { env: { PATH: process.env.PATH }, stdio: 'pipe' })
  assert.strictEqual(await new Promise(resolve => open.on('close', resolve)), 64)
  fs.chmodSync(p.dir, 0o700)
})

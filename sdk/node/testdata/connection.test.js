'use strict'

// Bytes of a connection that come in any pieces.

const assert = require('node:assert')
const { EventEmitter } = require('node:events')
const { test } = require('node:test')
const v8 = require('node:v8')
const vm = require('node:vm')

const { Deframer } = require('./pontoon/deframe.js')
const { Connection, Resets } = require('./pontoon/resets.js')

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

function frame (type, id, payload) {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, payload])
}

const DATA = frame(0, 1, Buffer.from('\x00\x00\x04\x03 like the head of another'))
const EMPTY = frame(4, 0, Buffer.alloc(0))
const SHORT = frame(3, 1, Buffer.alloc(3)) // of a wrong length: that is for HTTP/2 to refuse

function reset (id) {
  return frame(3, id, Buffer.from([0, 0, 0, 8]))
}

// cutInto are the bytes in pieces of a size.
function cutInto (bytes, size) {
  const pieces = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  return pieces
}

// passed are the bytes that a connection lets through of pieces, and the streams that it told.
async function passed (pieces) {
  const socket = Object.assign(new EventEmitter(), { pause () {}, resume () {}, destroy () {} })
  const told = []
  const connection = new Connection(socket, id => told.push(id))
  const got = []
  connection.on('data', bytes => got.push(bytes))
  for (const piece of pieces) socket.emit('data', piece)
  socket.emit('end')
  await new Promise(resolve => connection.on('end', resolve))
  return { bytes: Buffer.concat(got), told }
}

test('a connection is without the frames that give calls up, whatever pieces it comes in', async () => {
  const whole = Buffer.concat([PREFACE, EMPTY, reset(1), DATA, reset(3), reset(0x7fffffff), SHORT, DATA, reset(5)])
  const without = Buffer.concat([PREFACE, EMPTY, DATA, SHORT, DATA])
  for (let size = 1; size <= whole.length; size++) {
    const { bytes, told } = await passed(cutInto(whole, size))
    assert.ok(bytes.equals(without), `pieces of ${size}`)
    assert.deepStrictEqual(told, [1, 3, 0x7fffffff, 5])
  }
})

test('a call may be given up before it has begun, and after it has ended', () => {
  const closed = []
  const stream = id => Object.assign(new EventEmitter(), { id, close: () => closed.push(id) })
  const resets = new Resets()
  const first = stream(1)
  resets.reset(5)
  assert.deepStrictEqual([resets.begin(first), resets.begin(stream(3)), resets.begin(stream(5))], [true, true, false])
  resets.reset(3)
  first.emit('close')
  resets.reset(1)
  assert.deepStrictEqual(closed, [5, 3])
  resets.reset(7)
  resets.reset(9) // 7 never comes
  resets.begin(stream(9))
  assert.deepStrictEqual([resets.early.size, resets.streams.size], [0, 1])
})

test('messages are whole, whatever pieces they come in', () => {
  const texts = ['', 'a', 'some text', '', 'x'.repeat(300)]
  const whole = Buffer.concat(texts.map(text => {
    const head = Buffer.from([1, 0, 0, 0, 0])
    head.writeUInt32BE(text.length, 1)
    return Buffer.concat([head, Buffer.from(text)])
  }))
  for (let size = 1; size < 20; size++) {
    const got = []
    const deframer = new Deframer((raw, kind) => got.push([Buffer.from(raw).toString(), kind]))
    for (const piece of cutInto(whole, size)) deframer.push(piece)
    assert.deepStrictEqual(got, texts.map(text => [text, 1]))
  }
})

test('a message that comes byte by byte has room for its bytes, and not for each piece', () => {
  v8.setFlagsFromString('--expose-gc')
  const collect = vm.runInNewContext('gc')
  const deframer = new Deframer(() => {})
  deframer.push(Buffer.from([0, 1, 0, 0, 0])) // 16 MiB
  const kept = () => {
    collect()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const before = kept()
  for (let i = 0; i < 200_000; i++) deframer.push(Buffer.alloc(1))
  const more = kept() - before
  assert.ok(more < 8 << 20, `${more} bytes for 200,000`)
  assert.strictEqual(deframer.filled, 200_000)
})

'use strict'

// The file of a snapshot: its content, and a tail that says whether it is whole. All numbers
// are in little endian.
//
//     content | SnapshotInfo | CRC-32 of the content 4 | length of SnapshotInfo 4 |
//     CRC-32 of all after the content up to here 4 | magic 8
//
// The name has index and term, in hexadecimal.

const crypto = require('crypto')
const fs = require('fs')
const fsp = require('fs/promises')
const zlib = require('zlib')

const { decode, encode } = require('../codec')
const { Corrupt } = require('./errors')

const MAGIC = Buffer.from('PONTNSN\x01', 'latin1')
const TAIL = 20
const MAX_INFO = 1 << 20

// write makes a file of received chunks, synced. It returns the snapshot's info and CRC-32.
async function write (file, metadata, received) {
  const handle = await fsp.open(file, 'wx', 0o600)
  try {
    const sha256 = crypto.createHash('sha256')
    for await (const chunk of received.chunks()) {
      sha256.update(chunk)
      await handle.writeFile(chunk)
    }
    const info = { metadata, bytes: received.length, sha256: sha256.digest() }
    await handle.writeFile(tailOf(info, received.crc32))
    await handle.sync()
    return { info, crc32: received.crc32 }
  } finally {
    await handle.close()
  }
}

function tailOf (info, crc32) {
  const text = encode('SnapshotInfo', info)
  const tail = Buffer.alloc(text.length + TAIL)
  tail.set(text)
  tail.writeUInt32LE(crc32, text.length)
  tail.writeUInt32LE(text.length, text.length + 4)
  tail.writeUInt32LE(zlib.crc32(tail.subarray(0, text.length + 8)), text.length + 8)
  tail.set(MAGIC, text.length + 12)
  return tail
}

// open opens a file at once: it can be read to its end, also if its name goes meanwhile, or
// becomes that of another snapshot.
function open (file) {
  const fd = fs.openSync(file, 'r')
  try {
    return { fd, ...tailFrom(fd, file) }
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

// inspect reads the tail of a file.
function inspect (file) {
  const { fd, ...found } = open(file)
  fs.closeSync(fd)
  return found
}

function tailFrom (fd, file) {
  const { size } = fs.fstatSync(fd)
  const end = bytesAt(fd, size - TAIL, TAIL, file)
  const length = end.readUInt32LE(4)
  if (!end.subarray(12).equals(MAGIC) || length > MAX_INFO) throw new Corrupt(`${file} has no end`)
  const text = bytesAt(fd, size - TAIL - length, length, file)
  if (zlib.crc32(Buffer.concat([text, end.subarray(0, 8)])) !== end.readUInt32LE(8)) throw new Corrupt(`${file} has a damaged end`)
  const info = decode('SnapshotInfo', text)
  if (info.bytes !== size - TAIL - length) throw new Corrupt(`${file} has another length than ${info.bytes}`)
  return { info, crc32: end.readUInt32LE(0) }
}

function bytesAt (fd, at, length, file) {
  const bytes = Buffer.alloc(length)
  if (at < 0 || fs.readSync(fd, bytes, 0, length, at) !== length) throw new Corrupt(`${file} is too short`)
  return bytes
}

// read gives the messages of OpenSnapshot after the header; the end comes only if the content
// is that which was written (ST-32, P-44).
async function * read ({ fd, info, crc32 }, size) {
  const sha256 = crypto.createHash('sha256')
  for (let at = 0; at < info.bytes;) {
    const chunk = Buffer.allocUnsafeSlow(Math.min(size, info.bytes - at))
    const n = await new Promise((resolve, reject) => fs.read(fd, chunk, 0, chunk.length, at, (error, n) => error ? reject(error) : resolve(n)))
    if (n === 0) throw new Corrupt(`the snapshot ends after ${at} of ${info.bytes} bytes`)
    sha256.update(chunk.subarray(0, n))
    at += n
    yield { chunk: chunk.subarray(0, n) }
  }
  if (!sha256.digest().equals(info.sha256)) throw new Corrupt('the snapshot has another SHA-256 than when it was saved')
  yield { end: { length: info.bytes, crc32 } }
}

module.exports = { inspect, open, read, write }

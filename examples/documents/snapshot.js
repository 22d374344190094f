'use strict'

// The form of a snapshot: a line with its name, the version of the format and the revision;
// a line with revision, id and text of each document, in the order of the Map; and at the end
// the length of the lines in 8 bytes and their CRC-32 in 4, both in little endian.

const zlib = require('node:zlib')

const FIRST = /^documents\/1 (\d+)$/
const LINE = /^(\d+) ([\w.-]+) (.+)$/s
const END = 12

function line (id, { revision, text }) {
  return `${revision} ${id} ${text}\n`
}

// pieces are the bytes of a snapshot of documents, a list that stays as it is.
function * pieces (revision, documents) {
  let length = 0
  let crc = 0
  for (let i = -1; i < documents.length; i++) {
    const piece = Buffer.from(i < 0 ? `documents/1 ${revision}\n` : line(...documents[i]))
    length += piece.length
    crc = zlib.crc32(piece, crc)
    yield piece
  }
  yield end(length, crc)
}

function end (length, crc) {
  const bytes = Buffer.alloc(END)
  bytes.writeBigUInt64LE(BigInt(length))
  bytes.writeUInt32LE(crc, 8)
  return bytes
}

// read is the revision and the documents of a snapshot.
function read (raw) {
  const body = raw.subarray(0, Math.max(raw.length - END, 0))
  if (!raw.subarray(body.length).equals(end(body.length, zlib.crc32(body)))) throw new Error('not a snapshot, or not a whole one')
  const [first, ...rest] = lines(body)
  const [, revision] = FIRST.exec(first) || []
  if (!revision) throw new Error('not a snapshot of documents')
  return { revision: Number(revision), documents: rest.map(document) }
}

function document (line) {
  const [, revision, id, text] = LINE.exec(line)
  return [id, { revision: Number(revision), text }]
}

// lines are cut from the bytes one by one: no string could have all of a large state.
function * lines (body) {
  for (let at = 0; at < body.length;) {
    const next = body.indexOf('\n', at)
    yield body.toString('utf8', at, next < 0 ? body.length : next)
    at = next < 0 ? body.length : next + 1
  }
}

module.exports = { line, pieces, read }

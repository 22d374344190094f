'use strict'

// The file that says whose data a directory has. Its form is that of the storages in Go, so
// that each of them knows the directory for one that is not its own. All numbers are in little
// endian:
//
//     magic 8 | version 4 | salt 4 | cluster 8 | node 8 | group 8 | store 8 | begun 4 | CRC-32C 4

const crypto = require('crypto')
const fs = require('fs/promises')
const path = require('path')

const { WrongIdentity } = require('../errors')
const { Corrupt } = require('./errors')
const { readOrNothing, replaceFile } = require('./files')

const NAME = 'identity'
const VERSION = 1
const LENGTH = 56
const OWN = ['LOCK', 'lost+found', `${NAME}.tmp`] // files that a directory may have without it

// load reads the identity of a directory, or makes one. It returns the id of the store, and
// whether its log was begun: until then no Open has answered.
async function load (directory, options, backend) {
  const magic = magicOf(backend)
  const found = await readOrNothing(path.join(directory, NAME))
  if (found) return read(found, magic, options)
  const stray = (await fs.readdir(directory)).find(name => !OWN.includes(name))
  if (stray) throw new Corrupt(`there is ${JSON.stringify(stray)} and no file ${NAME} in ${directory}`)
  const made = { magic, store: BigInt(options.storeId) || random(), begun: false }
  await write(directory, options, made)
  return made
}

// markBegun notes that there is a log: from here on a directory without one is damaged.
async function markBegun (directory, options, identity) {
  if (!identity.begun) await write(directory, options, { ...identity, begun: true })
}

async function write (directory, options, identity) {
  await replaceFile(path.join(directory, NAME), bytesOf(options, identity))
}

// random is a number that is not 0.
function random () {
  return crypto.randomBytes(8).readBigUInt64LE() || 1n
}

// magicOf tells the directories of storages of other names from each other.
function magicOf (name) {
  const letters = 'abcdefghijklmnopqrstuvwxyz234567'
  const sum = crypto.createHash('sha256').update(name).digest().readUInt16BE()
  return `PONT${letters[sum >> 11]}${letters[sum >> 6 & 31]}${letters[sum >> 1 & 31]}\x01`
}

function bytesOf ({ clusterId, nodeId, group }, { magic, store, begun }) {
  const bytes = Buffer.alloc(LENGTH)
  bytes.write(magic, 'latin1')
  bytes.writeUInt32LE(VERSION, 8)
  ;[clusterId, nodeId, group, store].forEach((n, i) => bytes.writeBigUInt64LE(BigInt(n), 16 + 8 * i))
  bytes.writeUInt32LE(begun ? 1 : 0, 48)
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, 52)), 52)
  return bytes
}

function read (bytes, magic, options) {
  if (bytes.toString('latin1', 0, 8) !== magic && /^PONT/.test(bytes.toString('latin1', 0, 8))) {
    throw new WrongIdentity('the directory has the data of another storage')
  }
  if (bytes.length !== LENGTH || bytes.readUInt32LE(52) !== crc32c(bytes.subarray(0, 52))) throw new Corrupt(`the file ${NAME} is damaged`)
  const store = bytes.readBigUInt64LE(40)
  const begun = bytes.readUInt32LE(48) === 1
  if (!bytes.equals(bytesOf(options, { magic, store, begun }))) {
    throw new WrongIdentity(`the directory is of node ${bytes.readBigUInt64LE(24)} of cluster ${bytes.readBigUInt64LE(16).toString(16)}`)
  }
  return { magic, store, begun }
}

function crc32c (bytes) {
  let sum = 0xffffffff
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = sum >>> 1 ^ (sum & 1 ? 0x82f63b78 : 0)
  }
  return (sum ^ 0xffffffff) >>> 0
}

module.exports = { load, markBegun }

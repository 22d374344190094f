'use strict'

// The register of the conformance kit, on the runtime: its state is the list of the
// commands' data.
//
// With --durable it also keeps its entries in its data directory, in one file that is
// replaced as a whole, and is on the disk after a sync. With --hash it has a hash of its state.

const crypto = require('crypto')
const fs = require('fs')
const path = require('path')
const zlib = require('zlib')

const pontoon = require('./pontoon/index.js')

const MAGIC = Buffer.from('register/js/1\n')

// A Register is one in memory.
class Register {
  constructor () {
    this.entries = []
    this.last = { term: 0, time: 0 }
  }

  apply (batch) {
    return batch.entries.map(entry => this.one(entry, batch.version))
  }

  one (entry, version) {
    this.last = entry
    let { data } = entry
    const text = data.toString('latin1')
    if (text.startsWith('refuse:')) return new pontoon.Refused(data.toString().slice(7))
    if (text.startsWith('version:')) data = Buffer.concat([Buffer.from(`${version} `), data])
    this.entries.push(data)
    const size = /^result:(\d+)$/.exec(text)
    return size ? Buffer.alloc(Number(size[1]), 'x') : String(this.entries.length)
  }

  query (data) {
    const text = data.toString('latin1')
    const at = /^at (\d+)$/.exec(text)
    if (at) return this.entries[Number(at[1]) - 1] || ''
    switch (text) {
      case 'count': return String(this.entries.length)
      case 'moment': return `${this.last.term} ${this.last.time}`
      case 'digest': return this.stateHash()
    }
    throw new pontoon.InvalidQuery(JSON.stringify(text.slice(0, 32)))
  }

  queryStream (data) {
    if (data.toString() !== 'all') throw new pontoon.InvalidQuery(data.toString('latin1', 0, 32))
    return [...this.entries]
  }

  stateHash () {
    const digest = crypto.createHash('sha256')
    for (const e of this.entries) digest.update(`${e.length}\n`).update(e)
    return digest.digest()
  }

  save () {
    return saved([...this.entries])
  }

  async restore (index, chunks) {
    const all = []
    for await (const chunk of chunks) all.push(chunk)
    this.entries = read(Buffer.concat(all))
  }

  metrics () {
    return `register_entries ${this.entries.length}\n`
  }

  classes () {
    return [['refuse:', 'command', 'administer']]
  }
}

// A Kept register is one on disk.
class Kept extends Register {
  synced = 0 // the index that is on the disk

  async open (options) {
    this.path = path.join(options.dataDir, 'state')
    this.identity = Buffer.alloc(16)
    this.identity.writeBigUInt64LE(options.clusterId)
    this.identity.writeBigUInt64LE(options.nodeId, 8)
    if (!fs.existsSync(this.path)) return 0
    const raw = fs.readFileSync(this.path)
    if (!raw.subarray(0, 16).equals(this.identity)) throw new pontoon.WrongIdentity(`${this.path} is of another node`)
    this.entries = read(raw.subarray(24))
    await this.sync()
    return Number(raw.readBigUInt64LE(16))
  }

  apply (batch) {
    const results = super.apply(batch)
    this.keep(batch.through)
    return results
  }

  async restore (index, chunks) {
    await super.restore(index, chunks)
    this.keep(index)
    this.synced = 0
    await this.sync()
  }

  keep (applied) {
    const head = Buffer.alloc(24)
    this.identity.copy(head)
    head.writeBigUInt64LE(BigInt(applied), 16)
    fs.writeFileSync(this.path + '.new', Buffer.concat([head, ...this.save()]))
    fs.renameSync(this.path + '.new', this.path)
  }

  async sync () {
    if (!fs.existsSync(this.path)) return
    const file = await fs.promises.open(this.path)
    try {
      const { buffer } = await file.read(Buffer.alloc(24), 0, 24, 0)
      await file.sync()
      const directory = await fs.promises.open(path.dirname(this.path))
      await directory.sync().finally(() => directory.close())
      this.synced = Math.max(this.synced, Number(buffer.readBigUInt64LE(16)))
    } finally {
      await file.close()
    }
  }

  durable () {
    return this.synced
  }
}

function read (raw) {
  const body = raw.subarray(0, -4)
  if (!body.subarray(0, MAGIC.length).equals(MAGIC) || raw.readUInt32LE(raw.length - 4) !== zlib.crc32(body)) {
    throw new Error('not a register')
  }
  const entries = []
  for (let at = MAGIC.length; at < body.length;) {
    const n = body.readUInt32LE(at)
    entries.push(body.subarray(at + 4, at + 4 + n))
    at += 4 + n
  }
  return entries
}

function * saved (entries) {
  let crc = zlib.crc32(MAGIC)
  yield MAGIC
  for (const e of entries) {
    const piece = Buffer.alloc(4 + e.length)
    piece.writeUInt32LE(e.length)
    e.copy(piece, 4)
    crc = zlib.crc32(piece, crc)
    yield piece
  }
  const end = Buffer.alloc(4)
  end.writeUInt32LE(crc)
  yield end
}

console.error('a register of the kit')
const register = process.argv.includes('--durable') ? new Kept() : new Register()
pontoon.serve(register, {
  name: 'register',
  version: '1.0.0',
  commandVersions: [0, 3],
  snapshotFormat: 1,
  stateHash: process.argv.includes('--hash') ? 'sha256 of the entries' : ''
})

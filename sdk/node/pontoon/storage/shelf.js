'use strict'

// The snapshots, in files beside the log: those that are visible, and received ones, which
// stay aside until they are installed.

const fs = require('fs/promises')
const path = require('path')

const { Mutex } = require('../lifecycle')
const { Corrupt, NoSnapshot } = require('./errors')
const { putInPlace } = require('./files')
const snapfile = require('./snapfile')

const KEPT = 2 // ST-30
const NAME = /^([0-9a-f]{16})-([0-9a-f]{16})\.(snap|recv)$/

// A Shelf has the snapshots of an open store. Its files change their names one after the other.
class Shelf {
  constructor (directory) {
    this.directory = directory
    this.names = new Mutex()
    this.visible = [] // by index
    this.received = []
    this.parts = 0
    this.closed = false
  }

  // open reads the directory, finishes an installation that the log knows of, and removes what
  // was never installed.
  async open (state) {
    const damaged = []
    for (const name of (await fs.readdir(this.directory)).sort()) {
      const [, index, term, suffix] = NAME.exec(name) || []
      if (name.endsWith('.part')) await fs.rm(this.at(name))
      if (!index) continue
      const found = { index: numberOf(index), term: numberOf(term), name }
      if (suffix === 'recv') {
        if (found.index !== state.base || found.term !== state.terms[0].term) {
          await fs.rm(this.at(name))
          continue
        }
        found.name = nameOf(found, 'snap')
        await putInPlace(this.at(name), this.at(found.name))
        this.visible = this.visible.filter(s => s.name !== found.name)
      }
      await this.admit(found, damaged)
    }
    this.verify(state, damaged)
    await this.oneOfEachIndex(state)
    await this.trim()
  }

  at (name) {
    return path.join(this.directory, name)
  }

  async admit (found, damaged) {
    try {
      this.visible.push({ ...found, ...snapfile.inspect(this.at(found.name)) })
    } catch (error) {
      if (!(error instanceof Corrupt)) throw error
      console.error('a snapshot is damaged and will not be used:', error.message)
      damaged.push(found)
    }
  }

  // verify holds the snapshots against the log: what was acknowledged is there.
  verify ({ base, last }, damaged) {
    for (const { name, index } of [...this.visible, ...damaged]) {
      if (index > last) throw new Corrupt(`${name} is a snapshot at ${index}, but the log ends at ${last}`)
    }
    const newest = Math.max(0, ...this.visible.map(s => s.index))
    if (newest < base) {
      const why = damaged.map(({ name }) => `; ${name} is damaged`).join('')
      throw new Corrupt(`the log begins at ${base + 1}, and the newest usable snapshot is at ${newest}${why}`)
    }
  }

  // oneOfEachIndex keeps the snapshot of the log's term, else that of the later term: a crash may
  // have come between a replacement and the removal.
  async oneOfEachIndex (state) {
    const better = (a, b) => a.index >= state.base && state.term(a.index) === b.term ? b : a.index >= state.base && state.term(a.index) === a.term ? a : a.term > b.term ? a : b
    const one = new Map()
    for (const s of this.visible) one.set(s.index, one.has(s.index) ? better(one.get(s.index), s) : s)
    for (const s of this.visible) if (one.get(s.index) !== s) await this.remove(s)
    this.visible = [...one.values()].sort(byIndex)
  }

  list () {
    return this.visible.map(s => s.info)
  }

  newest () {
    return this.visible.length > 0 ? this.visible[this.visible.length - 1].index : 0
  }

  // save takes a snapshot in. After an error there is nothing of it.
  async save (metadata, received, chunks) {
    const snapshot = { index: metadata.index, term: metadata.term }
    const part = this.at(`${nameOf(snapshot, ++this.parts)}.part`)
    try {
      Object.assign(snapshot, await snapfile.write(part, metadata, chunks))
      await this.names.run(() => this.put(part, snapshot, received))
    } catch (error) {
      if (!this.closed) await fs.rm(part, { force: true }).catch(problem => console.warn('%s stays: %s', part, problem))
      throw error
    }
    return snapshot.info
  }

  async put (part, snapshot, received) {
    if (this.closed) throw new Error('the store is closed')
    snapshot.name = nameOf(snapshot, received ? 'recv' : 'snap')
    await putInPlace(part, this.at(snapshot.name))
    if (received) this.received = await this.replaced(this.received, snapshot)
    else await this.show(snapshot)
  }

  async show (snapshot) {
    this.visible = (await this.replaced(this.visible, snapshot)).sort(byIndex)
    await this.trim()
  }

  async replaced (list, snapshot) {
    for (const s of list) if (s.index === snapshot.index && s.name !== snapshot.name) await this.remove(s)
    return [...list.filter(s => s.index !== snapshot.index), snapshot]
  }

  async trim () {
    while (this.visible.length > KEPT) await this.remove(this.visible.shift())
  }

  // remove removes a file that nothing depends on: the next Open finds it again.
  async remove ({ name }) {
    await fs.rm(this.at(name), { force: true }).catch(problem => console.warn('%s stays: %s', name, problem))
  }

  // forgetBelow removes received snapshots that can no more be installed (ST-29).
  forgetBelow (commit) {
    return this.names.run(() => this.forget(s => s.index < commit))
  }

  async forget (gone) {
    const all = this.received
    this.received = all.filter(s => !gone(s))
    for (const s of all.filter(gone)) await this.remove(s)
  }

  // reader is the file of the snapshot at an index, or of the newest visible one for 0.
  reader (index) {
    const one = list => list.find(s => s.index === index)
    const found = (index === 0 ? this.visible[this.visible.length - 1] : one(this.visible)) || one(this.received)
    if (!found) throw new NoSnapshot(index === 0 ? 'there is no snapshot' : `there is no snapshot at ${index}`)
    return snapfile.open(this.at(found.name))
  }

  receivedAt (index) {
    const found = this.received.find(s => s.index === index)
    if (!found) throw new NoSnapshot(`there is no received snapshot at ${index}`)
    return found
  }

  // install makes the received snapshot at an index visible, once record has the log begin there.
  install (index, record) {
    return this.names.run(async () => {
      const snapshot = this.receivedAt(index)
      await record(snapshot)
      const visible = { ...snapshot, name: nameOf(snapshot, 'snap') }
      await putInPlace(this.at(snapshot.name), this.at(visible.name))
      this.received = this.received.filter(s => s !== snapshot)
      await this.forget(s => s.index <= snapshot.index)
      await this.show(visible)
    })
  }

  // close waits for a change at work, and lets no later one be made.
  close () {
    this.closed = true
    return this.names.run(() => {})
  }
}

function byIndex (a, b) {
  return a.index - b.index
}

function nameOf ({ index, term }, suffix) {
  const hex = n => BigInt(n).toString(16).padStart(16, '0')
  return `${hex(index)}-${hex(term)}.${suffix}`
}

// numberOf is as the codec has it.
function numberOf (hex) {
  const n = BigInt(`0x${hex}`)
  return n <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(n) : n
}

module.exports = { Shelf }

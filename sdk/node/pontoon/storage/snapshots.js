'use strict'

// The streams of snapshots.

const fs = require('fs')

const { Cancelled, Closed, InvalidArgument } = require('../errors')
const { Received } = require('../received')
const { spaceError } = require('./errors')
const snapfile = require('./snapfile')

// Snapshots serve SaveSnapshot and OpenSnapshot.
class Snapshots {
  constructor (core) {
    this.core = core
    this.saving = new Set() // calls, which the end of the store ends
  }

  async save (requests, call) {
    const { core } = this
    const { value: first, done } = await requests.next()
    if (done) throw new InvalidArgument('the stream has no message') // P-28
    core.life.check(first.call)
    const { metadata, received } = this.header(first)
    const { shelf } = core.held
    this.saving.add(call)
    try {
      if (received) await shelf.forgetBelow(core.state.hard.commit)
      return { info: await shelf.save(metadata, received, new Received(requests, core.life, core.limits.chunk, Cancelled)) }
    } catch (error) {
      throw spaceError(error)
    } finally {
      this.saving.delete(call)
    }
  }

  header ({ header }) {
    const { core } = this
    if (!header) throw new InvalidArgument('the first message has no header') // P-41
    const { metadata, received } = header
    if (!metadata || metadata.term === 0) throw new InvalidArgument('a snapshot without a term')
    core.checkIndex(metadata.index)
    if (!received) core.state.checkSnapshot(metadata.index, metadata.term)
    return header
  }

  async * open (request) {
    const { core } = this
    core.life.check(request.call)
    const file = core.held.shelf.reader(request.index)
    try {
      yield { header: file.info }
      yield * snapfile.read(file, core.limits.sendChunk)
    } finally {
      fs.closeSync(file.fd)
    }
  }

  end () {
    for (const call of this.saving) call.fail(new Closed('closed while a snapshot was saved'))
  }
}

module.exports = { Snapshots }

'use strict'

// A store: an author's log with the lock of its directory, the file that says whose it is, the
// snapshots beside the log, and the end after a failure.

const { Closed, InvalidArgument, Limit, PluginError } = require('../errors')
const { Lifecycle, Mutex } = require('../lifecycle')
const { checkSection, limitsOf, optionsOf } = require('../options')
const { bytesOf } = require('../values')
const { Appender } = require('./append')
const { Corrupt, spaceError } = require('./errors')
const identity = require('./identity')
const lock = require('./lock')
const { LogState } = require('./logstate')
const { methodsOf } = require('./methods')
const { Shelf } = require('./shelf')
const { Snapshots } = require('./snapshots')

const MAX_DETAIL = 256 // ST-37
const NONE = { log: null, shelf: null, unlock: null }

// A Store is a log and its calls.
//
// writing is held while append, replace and close of the log run: so these never meet. read
// runs beside them.
class Store {
  constructor (description, make, log) {
    this.description = description
    this.make = make // a log for each Open
    this.life = new Lifecycle()
    this.writing = new Mutex()
    this.limits = limitsOf()
    this.held = NONE
    this.state = new LogState() // as it is durable, but for a commit index alone
    this.unsaved = false // the commit index is newer than the stored one
    this.appender = new Appender(this)
    this.snapshots = new Snapshots(this)
    this.hasMetrics = Boolean(log.metrics)
    this.methods = methodsOf(this)
  }

  open ({ options = {} }) {
    return this.life.opening(options, async () => {
      checkSection(options, this.description)
      this.limits = limitsOf(options.limits)
      const held = { ...NONE }
      try {
        const storeId = await this.load(optionsOf(options), held)
        if (this.life.state === 'closed') throw new Closed('closed while it opened')
        this.held = held
        return { ...this.state.opened(), snapshots: held.shelf.list(), storeId }
      } catch (error) {
        await letGo(held)
        throw spaceError(error)
      }
    })
  }

  // load reads the directory: whose it is, then the log, then the snapshots.
  async load (options, held) {
    const { dataDir: directory } = options
    held.unlock = lock.take(directory, options.nodeName)
    const found = await identity.load(directory, options, this.description.name)
    const log = this.make()
    held.log = log
    this.state = await log.open({ directory, options, begun: found.begun, storeId: found.store })
    if (!(this.state instanceof LogState)) throw new TypeError('open of a log returns its LogState')
    await identity.markBegun(directory, options, found)
    held.shelf = new Shelf(directory)
    await held.shelf.open(this.state)
    this.unsaved = false
    return found.store
  }

  // write is the time of a change of the log. An error that is no refusal is of a write or a
  // sync: then it is not known any more what is on the disk (ST-17).
  write (work) {
    return this.writing.run(async () => {
      if (this.life.state === 'closed') throw new Closed('closed')
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof PluginError)) this.life.giveUp()
        throw spaceError(error)
      }
    })
  }

  // append makes batches durable, after a commit index that is not yet. A commit index alone
  // is not written: the node learns it again (ST-11).
  async append (batches, next, sync) {
    if (sync) {
      const commit = this.unsaved ? [{ entries: [], hardState: this.state.hard }] : []
      await this.failing(this.held.log.append([...commit, ...batches]))
    }
    this.unsaved = !sync && (this.unsaved || next.hard !== this.state.hard)
    this.state = next
  }

  // failing makes of a refusal by the log an error of a write: what comes here was checked.
  async failing (result) {
    try {
      return await result
    } catch (error) {
      throw error instanceof PluginError ? new Error(String(error), { cause: error }) : error
    }
  }

  async * read (request) {
    const { lo, hi, maxBytes } = request
    this.life.check(request.call)
    this.state.checkRead(lo, hi)
    if (lo === hi) return
    const entries = within(await this.held.log.read(lo, hi, Number(maxBytes)), maxBytes)
    if (entries.length === 0 || entries[0].index !== lo) throw new Corrupt(`the log has no entry ${lo}`)
    for (let at = 0; at < entries.length;) {
      const n = fitting(entries, at, this.limits.sendBatch)
      yield { entries: entries.slice(at, at + n) }
      at += n
    }
  }

  async compact (request) {
    this.life.check(request.call)
    return this.write(async () => {
      const { index } = request
      if (index <= this.state.base) return { firstIndex: this.state.base + 1 } // ST-24
      await this.replace(this.state.compacted(index, this.held.shelf.newest()))
      return { firstIndex: index + 1 }
    })
  }

  // replace makes the log begin elsewhere.
  async replace (next) {
    await this.failing(this.held.log.replace(next))
    this.state = next
    this.unsaved = false
  }

  async install (request) {
    this.life.check(request.call)
    return this.write(async () => {
      // The next Open finishes it, if the process ends after the record.
      await this.held.shelf.install(request.index, ({ index, term }) =>
        this.replace(this.state.installed(index, term, request.hardState)))
      return {}
    })
  }

  list (request) {
    this.life.check(request.call)
    return { snapshots: this.held.shelf.list() }
  }

  space (request) {
    this.life.check(request.call)
    const text = this.held.log.space ? this.held.log.space() : ''
    return { short: Boolean(text), detail: Buffer.from(text || '').subarray(0, MAX_DETAIL).toString().replace(/\uFFFD+$/, '') }
  }

  metrics () {
    const text = this.held.log && this.held.log.metrics ? this.held.log.metrics() : ''
    return text ? bytesOf(text, 'what metrics returns') : undefined
  }

  async close (request) {
    await this.finish(this.life.close(request.call))
    return {}
  }

  // end is the end of a host that has left without a Close.
  async end () {
    const wasOpen = this.life.state === 'open'
    this.life.giveUp()
    await this.finish(wasOpen)
  }

  // finish lets go of the directory. The commit index is saved, unless it is not known any more
  // what is on the disk.
  async finish (sound) {
    this.snapshots.end()
    await this.writing.run(async () => {
      const { held } = this
      this.held = NONE
      try {
        if (sound && this.unsaved) await held.log.append([{ entries: [], hardState: this.state.hard }])
      } finally {
        await letGo(held)
      }
    })
  }

  // checkIndex refuses what is no longer an exact number.
  checkIndex (index) {
    if (typeof index === 'bigint') throw new Limit(`${index} is no longer an exact number in JavaScript`)
    if (index === 0) throw new InvalidArgument('the index 0')
  }
}

// letGo gives up what an Open holds, the lock last.
async function letGo ({ log, shelf, unlock }) {
  try {
    if (shelf) await shelf.close()
    if (log) await log.close()
  } finally {
    if (unlock) unlock()
  }
}

// within are the first of the entries, with at most so many bytes of data: one at least (ST-21).
function within (entries, most) {
  let size = 0
  const end = entries.findIndex((e, i) => (size += e.data.length) > most && i > 0)
  return end < 0 ? entries : entries.slice(0, end)
}

const MAX_ENTRIES = 4096 // of a message

// fitting is how many entries from a place on have at most so many bytes: one at least.
function fitting (entries, at, most) {
  let size = 0
  let n = 0
  while (at + n < entries.length && n < MAX_ENTRIES) {
    size += entries[at + n].data.length + 32
    if (n > 0 && size > most) break
    n++
  }
  return n
}

module.exports = { Store }

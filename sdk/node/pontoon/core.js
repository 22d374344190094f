'use strict'

// The machine with all of its calls; Open and Close.

const { Applier } = require('./apply')
const { Lifecycle, Mutex } = require('./lifecycle')
const { methodsOf } = require('./methods')
const { checkSection, limitsOf, optionsOf } = require('./options')
const { Querier } = require('./queries')
const { Restorer, Views } = require('./snapshots')
const { bytesOf, indexOf } = require('./values')

const CLOSING = 500 // ms for the machine's own close, and for the method that runs then
const ROLES = { read: 1, write: 2, administer: 3 }

// A Core is a machine and its calls.
//
// lock is held while apply, query, stateHash and restore run, and while save and queryStream
// begin: so the machine's methods never meet, also if they are asynchronous, and what save
// returned must be a view that needs none of them.
class Core {
  constructor (machine, description) {
    this.machine = machine
    this.description = description
    this.versions = description.commandVersions || { least: 0, greatest: 0 }
    this.stateHash = description.stateHash
    this.isDurable = (description.capabilities || []).includes('durable')
    this.life = new Lifecycle()
    this.lock = new Mutex()
    this.applied = 0
    this.limits = limitsOf()
    this.applier = new Applier(this)
    this.querier = new Querier(this)
    this.views = new Views(this)
    this.restorer = new Restorer(this)
    this.hasMetrics = Boolean(machine.metrics)
    this.methods = methodsOf(this)
  }

  open ({ options = {} }) {
    return this.life.opening(options, () => this.lock.run(async () => {
      this.limits = limitsOf(options.limits)
      checkSection(options, this.description)
      this.applied = indexOf(await this.call('open', optionsOf(options)), 'what open returns')
      return { appliedIndex: this.applied, classes: this.classes(), wake: this.wake(), durableIndex: this.durable() }
    }))
  }

  // sync runs beside all but a Restore, without the lock (SM-52).
  async sync (request) {
    this.life.check(request.call)
    const ended = await this.life.share()
    try {
      this.life.check(request.call)
      await this.machine.sync()
      return { durableIndex: await this.lock.run(() => this.durable()) }
    } finally {
      ended()
    }
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

  async finish (wasOpen) {
    if (wasOpen) {
      let timer
      let late = false
      const patience = new Promise(resolve => { timer = setTimeout(resolve, CLOSING) }).then(() => { late = true })
      const closing = this.lock.run(() => late ? undefined : this.call('close'))
      await Promise.race([closing, patience]).finally(() => clearTimeout(timer))
    }
    this.views.clear()
  }

  // call calls a method that the machine need not have.
  call (method, ...args) {
    return this.machine[method] ? this.machine[method](...args) : undefined
  }

  wake () {
    return indexOf(this.call('wake'), 'what wake returns')
  }

  durable () {
    return this.isDurable ? indexOf(this.machine.durable(), 'what durable returns') : 0
  }

  metrics () {
    const text = this.call('metrics')
    return text ? bytesOf(text, 'what metrics returns') : undefined
  }

  // classes: each is a prefix, 'command' or 'query', and 'read', 'write' or 'administer'.
  classes () {
    return (this.call('classes') || []).map(([prefix, of, role]) => {
      if (of !== 'command' && of !== 'query') throw new TypeError(`a class is one of a command or a query, not ${of}`)
      if (!Object.hasOwn(ROLES, role)) throw new TypeError(`a role is read, write or administer, not ${role}`)
      return { prefix: bytesOf(prefix, 'the prefix of a class'), query: of === 'query', role: ROLES[role] }
    })
  }
}

module.exports = { Core }

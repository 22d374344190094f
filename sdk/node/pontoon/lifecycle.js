'use strict'

// The states of the conversation, and which calls may run beside each other.

const { Closed, InvalidArgument, NotOpen, StaleIncarnation } = require('./errors')

// A Mutex is held by one function at a time, in the order in which they came.
class Mutex {
  constructor () {
    this.last = Promise.resolve()
  }

  // run calls work when all before it have ended.
  run (work) {
    const result = this.last.then(work)
    this.last = result.catch(() => {})
    return result
  }
}

// A Lifecycle says of each call whether it is served now (P-21, P-23, P-24, P-27).
//
// Calls that run beside each other share the machine; a Restore has it alone (SM-38).
class Lifecycle {
  constructor () {
    this.state = 'ready'
    this.group = this.incarnation = 0
    this.sharing = 0
    this.taken = false
    this.waiting = []
    this.whenClosed = null // what the Restore that runs is told
  }

  // opening is the time of an Open. The plugin is open after it, if nothing was thrown.
  async opening (options, work) {
    if (this.state === 'closed') throw new Closed('closed')
    if (this.state === 'open' && options.incarnation <= this.incarnation) {
      throw new StaleIncarnation(`open with incarnation ${this.incarnation}`)
    }
    if (this.state !== 'ready') throw new InvalidArgument('a process is opened once')
    this.state = 'opening'
    let after = 'ready'
    try {
      const answer = await work()
      after = 'open'
      if (this.state === 'closed') throw new Closed('closed while it opened')
      return answer
    } finally {
      if (this.state !== 'closed') {
        this.state = after
        this.group = options.group
        this.incarnation = options.incarnation
      }
    }
  }

  // close tells whether the plugin was open until now.
  close (call) {
    const wasOpen = this.state === 'open'
    if (wasOpen) this.check(call)
    this.giveUp()
    return wasOpen
  }

  // giveUp ends all service: the machine is closed, or has failed within a change of its state.
  giveUp () {
    this.state = 'closed'
    if (this.whenClosed) this.whenClosed()
    this.changed()
  }

  // check refuses a call that is not served now, or not this plugin's.
  check (call) {
    if (this.state === 'closed') throw new Closed('closed')
    if (this.state !== 'open') throw new NotOpen('not open')
    const { group, incarnation } = call || { group: 0, incarnation: 0 }
    if (incarnation < this.incarnation) throw new StaleIncarnation(`incarnation ${incarnation}, open with ${this.incarnation}`)
    if (incarnation !== this.incarnation || group !== this.group) {
      throw new InvalidArgument(`incarnation ${incarnation} of group ${group}, open with ${this.incarnation} of ${this.group}`)
    }
  }

  // until waits for a condition of the states, or for the end.
  async until (condition) {
    while (this.state !== 'closed' && !condition()) await new Promise(resolve => this.waiting.push(resolve))
  }

  changed () {
    for (const resolve of this.waiting.splice(0)) resolve()
  }

  // share takes part in a time of calls that wait for a Restore, and that a Restore waits
  // for. It returns the function that ends it.
  async share () {
    await this.until(() => !this.taken)
    this.sharing++
    let ended = false
    return () => {
      if (ended) return
      ended = true
      this.sharing--
      this.changed()
    }
  }

  // alone is the time of a Restore.
  async alone (call, work) {
    await this.until(() => !this.taken)
    this.check(call)
    this.taken = true
    try {
      await this.until(() => this.sharing === 0)
      this.check(call)
      return await work()
    } finally {
      this.taken = false
      this.changed()
    }
  }
}

module.exports = { Lifecycle, Mutex }

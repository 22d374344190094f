'use strict'

// Calls of the host, at the machine's end. Their bytes come from the thread that has the
// socket, and go back to it (exchange.js).

const { decode, encode } = require('./codec')
const { Cancelled, InvalidArgument, status, statusOf } = require('./errors')
const { EACH, Outbox } = require('./outbox')

const WINDOW = 256 << 10 // bytes that wait to be sent for a call before its next answer waits

// A Call is one call of a method.
class Call {
  constructor (calls, id, method) {
    this.calls = calls
    this.id = id
    this.method = method
    this.messages = []
    this.ended = this.cancelled = false
    this.error = null // why no more requests come
    this.reader = this.sender = this.stop = null // functions that something waits for
    this.unsent = 0
    this.abort = null
  }

  // signal is aborted when the host gives the call up.
  get signal () {
    if (!this.abort) this.abort = new AbortController()
    if (this.cancelled) this.abort.abort()
    return this.abort.signal
  }

  // next is the next request, as an iterator has it.
  async next () {
    while (this.messages.length === 0) {
      if (this.error) throw this.error
      if (this.ended) return { value: undefined, done: true }
      await new Promise(resolve => { this.reader = resolve })
    }
    return { value: this.taken(), done: false }
  }

  // waiting is a request that is there already, or nothing.
  waiting () {
    return this.messages.length > 0 ? this.taken() : undefined
  }

  taken () {
    const raw = this.messages.shift()
    this.calls.post('taken', this.id, raw.length + EACH)
    try {
      return decode(this.method.request, raw)
    } catch (error) {
      throw new InvalidArgument(`the request cannot be read: ${error.message}`)
    }
  }

  [Symbol.asyncIterator] () {
    return this
  }

  answer (answer) {
    const raw = encode(this.method.response, answer)
    this.unsent += raw.length + EACH
    this.calls.post('message', this.id, raw)
  }

  // send is answer, and waits while the host does not read.
  async send (answer) {
    this.answer(answer)
    await this.room()
    if (this.cancelled) throw new Cancelled('the call was given up')
  }

  // room waits while the host does not read.
  async room () {
    while (this.unsent > WINDOW && !this.cancelled) await new Promise(resolve => { this.sender = resolve })
  }

  // step is the next piece of a machine's iterator: at once, or a promise that the end of the
  // call breaks.
  step (source) {
    const next = source.next()
    if (typeof next.then !== 'function') return next
    return new Promise((resolve, reject) => {
      this.stop = reject
      if (this.cancelled) reject(new Cancelled('the call was given up'))
      next.then(resolve, reject)
    })
  }

  // fail ends the requests with an error.
  fail (error) {
    this.error = this.error || error
    this.wake('reader')
  }

  cancel () {
    const error = new Cancelled('the call was given up')
    this.cancelled = true
    if (!this.method.keeps) this.messages = []
    if (this.abort) this.abort.abort()
    if (this.stop) this.stop(error)
    this.wake('sender')
    this.fail(error)
  }

  wake (name) {
    const waiter = this[name]
    this[name] = null
    if (waiter) waiter()
  }
}

// Calls serves those of a table of methods, over a port to the thread that has the socket.
class Calls extends Outbox {
  constructor (port, methods) {
    super(port)
    this.methods = methods
    this.running = new Map()
    this.idle = null // a function that waits for the end of all
  }

  // take handles events of the other thread.
  take (events) {
    for (const [what, id, value] of events) {
      if (what === 'open') {
        const call = new Call(this, id, this.methods[value])
        this.running.set(id, call)
        this.serve(call)
        continue
      }
      const call = this.running.get(id)
      if (!call) continue // it has ended meanwhile
      if (what === 'message') {
        call.messages.push(value)
        call.wake('reader')
      } else if (what === 'sent') {
        call.unsent -= value
        call.wake('sender')
      } else if (what === 'end') {
        call.ended = true
        call.wake('reader')
      } else if (what === 'cancel') {
        call.cancel()
      }
    }
  }

  // cancelAll gives all calls up, and waits for their ends.
  async cancelAll () {
    for (const call of this.running.values()) call.cancel()
    while (this.running.size > 0) await new Promise(resolve => { this.idle = resolve })
  }

  async serve (call) {
    const { method } = call
    let outcome = OK
    try {
      const input = method.reads || method.itself ? call : await single(call)
      if (method.itself) await method.serve(call)
      else if (method.writes) for await (const answer of method.serve(input, call)) await call.send(answer)
      else call.answer(await method.serve(input, call))
    } catch (error) {
      outcome = status(method.name, error)
    }
    this.running.delete(call.id)
    if (this.running.size === 0 && this.idle) this.idle()
    if (!call.cancelled) this.post('status', call.id, outcome)
  }
}

const OK = statusOf(0, '', '')

async function single (call) {
  const { value, done } = await call.next()
  if (done) throw new InvalidArgument('the call has no request')
  return value
}

module.exports = { Calls }

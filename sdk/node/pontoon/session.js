'use strict'

// The services Plugin and GRPCController. They are served beside the machine, whatever that
// is at (P-16).

const { decode, encode } = require('./codec')
const { CODES, statusOf } = require('./errors')
const log = require('./log')

const OK = statusOf(0, '', '')
const SHUTDOWN = '/plugin.GRPCController/Shutdown'
const PATIENCE = 100 // ms for a machine's metrics: the session answers probes too

// servicesOf are calls by path. tell tells the machine's thread something; metrics asks it for
// its text, if it has any, and calls back with it.
function servicesOf (description, tell, metrics) {
  return {
    '/pontoon.plugin.v1.Plugin/Describe': stream => unary(stream, description),
    '/pontoon.plugin.v1.Plugin/Session': stream => new Session(stream, tell, metrics),
    [SHUTDOWN]: stream => ({
      message () {},
      cancel () {},
      end () {
        stream.http.on('close', () => tell('end'))
        stream.write(new Uint8Array(0), () => {})
        stream.finish(OK)
      }
    })
  }
}

function unary (stream, answer) {
  return {
    message () {},
    cancel () {},
    end () {
      stream.write(answer, () => {})
      stream.finish(OK)
    }
  }
}

// A Session answers each request in order (P-15).
class Session {
  constructor (stream, tell, metrics) {
    this.stream = stream
    this.tell = tell
    this.metrics = metrics
    this.last = Promise.resolve()
  }

  message (raw) {
    let request
    try {
      request = decode('SessionRequest', raw)
    } catch (error) {
      this.stream.finish(statusOf(CODES.INVALID_ARGUMENT, `the request cannot be read: ${error.message}`, 'INVALID_ARGUMENT'))
      return
    }
    log.setLevel(request.logLevel)
    if (request.logLevel) this.tell('level', request.logLevel)
    this.last = this.last.then(async () => {
      const metrics = request.metrics && this.metrics ? await this.text() : undefined
      this.stream.write(encode('SessionResponse', { seq: request.seq, metrics }), () => {})
    })
  }

  // text is that of the machine's metrics, or none if a method of it holds its thread.
  text () {
    return new Promise(resolve => {
      setTimeout(resolve, PATIENCE).unref()
      this.metrics(resolve)
    })
  }

  end () {
    this.last.then(() => this.stream.finish(OK))
  }

  cancel () {}
}

module.exports = { SHUTDOWN, servicesOf }

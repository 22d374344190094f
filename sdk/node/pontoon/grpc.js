'use strict'

// gRPC over HTTP/2 in plain text, as a server: each stream is a call.

const http2 = require('http2')

const { CODES, statusOf } = require('./errors')
const { Deframer } = require('./deframe')
const { Connection, Resets } = require('./resets')

const WINDOW = 8 << 20 // of flow control, of each stream and of the connection
const OPTIONS = {
  settings: { initialWindowSize: WINDOW, maxConcurrentStreams: 1 << 20 },
  maxSessionMemory: 4096, // in MB: what waits is bounded for each call
  maxSessionInvalidFrames: 1 << 20 // frames of calls that were given up
}

// take serves a connection, and hands each call to open(path, stream), which returns what
// takes its requests: message(bytes), end() and cancel(). It returns nothing for a method
// that is not there.
function take (socket, open) {
  const resets = new Resets()
  const session = http2.performServerHandshake(new Connection(socket, id => resets.reset(id)), OPTIONS)
  session.setLocalWindowSize(WINDOW)
  session.on('error', error => console.warn('a connection has failed:', error))
  session.on('stream', (stream, headers) => {
    stream.on('error', () => {}) // its end is told by close
    if (resets.begin(stream)) new Stream(stream).begin(headers[':path'], open)
  })
}

// A Stream is a call's.
class Stream {
  constructor (http) {
    this.http = http
    this.responded = this.finished = false
  }

  begin (path, open) {
    const { http } = this
    const call = open(path, this)
    if (!call) {
      this.finish(statusOf(CODES.UNIMPLEMENTED, `no method ${path}`, ''))
      return
    }
    const refuse = status => {
      call.cancel()
      this.finish(status)
    }
    const deframer = new Deframer((raw, compressed) => {
      if (compressed) refuse(statusOf(CODES.UNIMPLEMENTED, 'a message is compressed', ''))
      else call.message(raw)
    })
    http.on('data', bytes => {
      if (this.finished) return
      try {
        deframer.push(bytes)
      } catch (error) {
        refuse(statusOf(CODES.RESOURCE_EXHAUSTED, error.message, 'LIMIT'))
      }
    })
    http.on('end', () => call.end())
    http.on('close', () => { if (!this.finished) call.cancel() })
  }

  write (message, sent) {
    if (this.over()) return
    this.respond({})
    const head = Buffer.allocUnsafe(5)
    head[0] = 0
    head.writeUInt32BE(message.length, 1)
    if (message.length < 1024) {
      this.http.write(Buffer.concat([head, message]), sent)
      return
    }
    this.http.write(head)
    this.http.write(message, sent)
  }

  respond (more, options) {
    if (this.responded) return
    this.responded = true
    this.http.respond({ ':status': 200, 'content-type': 'application/grpc', ...more }, options || { waitForTrailers: true })
  }

  // over tells whether the host has given the call up: then nothing can be sent.
  over () {
    return this.http.closed || this.http.destroyed
  }

  pause () {
    this.http.pause()
  }

  resume () {
    this.http.resume()
  }

  // finish ends the call with a status.
  finish (status) {
    if (this.finished || this.over()) return
    this.finished = true
    const trailers = { 'grpc-status': String(status.code) }
    if (status.text) trailers['grpc-message'] = percented(status.text)
    if (status.reason) trailers['grpc-status-details-bin'] = Buffer.from(status.details).toString('base64')
    this.http.resume() // the rest of the requests is read, and dropped
    if (!this.responded) {
      this.respond(trailers, { endStream: true })
      return
    }
    this.http.on('wantTrailers', () => { if (!this.over()) this.http.sendTrailers(trailers) })
    this.http.end()
  }
}

// percented is a text as grpc-message has it.
function percented (text) {
  let out = ''
  for (const byte of Buffer.from(text)) {
    out += byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : '%' + byte.toString(16).toUpperCase().padStart(2, '0')
  }
  return out
}

module.exports = { take }

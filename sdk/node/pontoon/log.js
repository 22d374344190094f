'use strict'

// The log: one line of JSON on standard error for each record, at the host's level.

const fs = require('fs')
const util = require('util')

const LEVELS = { debug: 0, info: 1, warn: 2, error: 3 }
const MAX_TEXT = 15 << 10 // the host cuts lines at 16 KiB

let least = LEVELS.info

// setLevel is P-18: an empty or an unknown name changes nothing.
function setLevel (name) {
  if (Object.hasOwn(LEVELS, name)) least = LEVELS[name]
}

// record writes a record, whose text has the lines of an error's stack too.
function record (level, ...values) {
  if (LEVELS[level] < least) return
  write(line(level, util.format(...values)))
}

function line (level, text) {
  let msg = text.slice(0, MAX_TEXT)
  while (Buffer.byteLength(JSON.stringify(msg)) > MAX_TEXT) msg = msg.slice(0, Math.floor(msg.length * 0.9))
  return JSON.stringify({ level: level.toUpperCase(), msg }) + '\n'
}

// write waits for a host that reads slowly, but not for one that does not read.
function write (text) {
  const bytes = Buffer.from(text)
  for (let at = 0, tries = 0; at < bytes.length && tries < 500;) {
    try {
      at += fs.writeSync(2, bytes, at)
    } catch (error) {
      if (error.code !== 'EAGAIN') return // there is nothing left to write to
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
      tries++
    }
  }
}

// takeConsole has the methods of console write records, so that nothing is printed after the
// handshake line (P-4).
function takeConsole () {
  for (const [method, level] of [['debug', 'debug'], ['trace', 'debug'], ['log', 'info'], ['info', 'info'], ['dir', 'info'],
    ['table', 'info'], ['warn', 'warn'], ['error', 'error']]) {
    console[method] = (...values) => record(level, ...values)
  }
  Object.defineProperty(process, 'stdout', { get: () => process.stderr, configurable: true })
}

module.exports = { setLevel, takeConsole }

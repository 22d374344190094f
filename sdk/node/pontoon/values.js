'use strict'

// What a machine's methods return, checked.

// bytesOf takes a Uint8Array, or a string as UTF-8.
function bytesOf (value, what) {
  if (value instanceof Uint8Array) return value
  if (typeof value === 'string') return Buffer.from(value)
  throw new TypeError(`${what} is a Uint8Array or a string, not ${named(value)}`)
}

// pieces gives the bytes of an iterable, which may be asynchronous.
function pieces (iterable, what) {
  if (iterable !== null && iterable !== undefined && typeof iterable !== 'string' && !(iterable instanceof Uint8Array)) {
    if (typeof iterable[Symbol.asyncIterator] === 'function') return iterable[Symbol.asyncIterator]()
    if (typeof iterable[Symbol.iterator] === 'function') return iterable[Symbol.iterator]()
  }
  throw new TypeError(`${what} is an iterable of pieces, not ${named(iterable)}`)
}

// indexOf takes an index or a time, and nothing for 0.
function indexOf (value, what) {
  if (value === undefined || value === null) return 0
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new TypeError(`${what} is a whole number from 0 on, not ${named(value)}`)
}

function named (value) {
  if (typeof value === 'object' && value !== null) return `a ${value.constructor ? value.constructor.name : 'object'}`
  return String(value)
}

module.exports = { bytesOf, indexOf, pieces }

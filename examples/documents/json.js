'use strict'

// The documents themselves. Each is kept as the text that JSON.stringify makes of it, which
// is the same in each build of Node.

const BYTES = 64 << 10
const DEPTH = 32
const RULE = `a document is a JSON object of at most ${BYTES} bytes and a depth of ${DEPTH}; a number beyond 2^53 is not exact`

// parsed is the object of a text, or nothing.
function parsed (text) {
  const value = text && text.length <= BYTES && tried(() => JSON.parse(text))
  return isObject(value) && fits(value, 0) ? value : undefined
}

// fits refuses what would be written otherwise than it was read, and what could take more of
// the stack than another member has.
function fits (value, depth) {
  if (typeof value === 'number') return Number.isFinite(value) && (Number.isSafeInteger(value) || !Number.isInteger(value))
  if (typeof value !== 'object' || value === null) return true
  return depth < DEPTH && Object.values(value).every(inner => fits(inner, depth + 1))
}

// written is the text of an object, or nothing if it is too long.
function written (object) {
  const text = JSON.stringify(object)
  return Buffer.byteLength(text) <= BYTES ? text : undefined
}

// patched is a target after a change by RFC 7396: null takes a field away, and an object
// changes the one of that name. Object.fromEntries makes a field of each name, also __proto__.
function patched (target, change) {
  if (!isObject(change)) return change
  const fields = new Map(isObject(target) ? Object.entries(target) : [])
  for (const [name, value] of Object.entries(change)) {
    if (value === null) fields.delete(name)
    else fields.set(name, patched(fields.get(name), value))
  }
  return Object.fromEntries(fields)
}

// at is the text of the value in a document to which a path of names leads, or nothing.
function at (text, path) {
  let value = JSON.parse(text)
  for (const name of path) {
    if (!isObject(value) || !Object.hasOwn(value, name)) return undefined
    value = value[name]
  }
  return JSON.stringify(value)
}

// normal is the text of a value as at has it, or nothing.
function normal (text) {
  return tried(() => JSON.stringify(JSON.parse(text)))
}

function isObject (value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function tried (make) {
  try {
    return make()
  } catch {
    return undefined
  }
}

module.exports = { RULE, at, normal, parsed, patched, written }

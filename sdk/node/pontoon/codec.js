'use strict'

// Messages of protobuf as objects, by the table of fields in wire.json, which is made of the
// .proto files. A field that is absent is 0, empty or undefined, as in proto3, and one that
// the table does not have is passed over.

const REPEATED = 1
const PRESENT = 2 // absent is another thing than empty: a member of a oneof, and an optional one
const NONE = Buffer.alloc(0)
const MAX_ELEMENTS = 1 << 16 // of a repeated field, and one more for so many bytes of the message:
const ELEMENT = 26 // the least that an entry with a command takes; no message of a host has more

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5
const WIRE_TYPES = { uint64: VARINT, uint32: VARINT, bool: VARINT, fixed32: FIXED32 }
const DEFAULTS = { uint64: 0, uint32: 0, bool: false, fixed32: 0, string: '' }

const messages = new Map()

define(require('./wire.json'))
define({ // of google.rpc, for errors
  'google.Status': [[1, 'code', 'uint32', 0], [2, 'message', 'string', 0], [3, 'details', 'google.Any', REPEATED]],
  'google.Any': [[1, 'typeUrl', 'string', 0], [2, 'value', 'bytes', 0]],
  'google.ErrorInfo': [[1, 'reason', 'string', 0], [2, 'domain', 'string', 0], [3, 'metadata', 'google.Entry', REPEATED]],
  'google.Entry': [[1, 'key', 'string', 0], [2, 'value', 'string', 0]]
})

function define (table) {
  for (const [name, rows] of Object.entries(table)) {
    const fields = rows.map(([number, name, type, flags]) => ({
      number,
      name,
      type,
      repeated: (flags & REPEATED) !== 0,
      present: (flags & PRESENT) !== 0 || !(type in WIRE_TYPES || type === 'bytes' || type === 'string'),
      wire: type in WIRE_TYPES ? WIRE_TYPES[type] : BYTES
    }))
    messages.set(name, { fields, byNumber: new Map(fields.map(f => [f.number, f])) })
  }
}

function layout (name) {
  const found = messages.get(name)
  if (!found) throw new Error(`no message ${name}`)
  return found
}

// decode reads a message. Bytes of fields are views of raw.
function decode (name, raw) {
  return new Reader(Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)).message(layout(name), raw.length)
}

class Reader {
  constructor (raw) {
    this.raw = raw
    this.at = 0
    this.elementsAtMost = MAX_ELEMENTS + Math.floor(raw.length / ELEMENT)
  }

  message ({ fields, byNumber }, end) {
    const got = {}
    for (const f of fields) got[f.name] = f.repeated ? [] : f.present ? undefined : f.type === 'bytes' ? NONE : DEFAULTS[f.type]
    while (this.at < end) {
      const tag = Number(this.varint(end))
      const wire = tag % 8
      const f = byNumber.get((tag - wire) / 8)
      if (!f) this.skip(wire, end)
      else if (f.repeated) this.elements(f, wire, end, got[f.name])
      else got[f.name] = this.value(f, wire, end)
    }
    return got
  }

  elements (f, wire, end, into) {
    if (wire !== BYTES || f.wire === BYTES) {
      this.element(f, wire, end, into)
      return
    }
    for (const last = this.length(end); this.at < last;) this.element(f, f.wire, last, into) // packed
  }

  element (f, wire, end, into) {
    if (into.length >= this.elementsAtMost) throw new Error(`the field ${f.name} has more than ${this.elementsAtMost} elements`)
    into.push(this.value(f, wire, end))
  }

  value (f, wire, end) {
    if (wire !== f.wire) throw new Error(`the field ${f.name} has the wire type ${wire}`)
    switch (f.type) {
      case 'uint64': return this.varint(end)
      case 'uint32': return Number(this.varint(end)) >>> 0
      case 'bool': return this.varint(end) !== 0
      case 'fixed32': return this.raw.readUInt32LE(this.take(4, end))
      default: {
        const last = this.length(end)
        if (f.type === 'bytes' || f.type === 'string') {
          const bytes = this.raw.subarray(this.at, last)
          this.at = last
          return f.type === 'bytes' ? bytes : bytes.toString()
        }
        return this.message(layout(f.type), last)
      }
    }
  }

  // varint is a number, or a bigint above the numbers that are exact.
  varint (end) {
    let value = 0
    let factor = 1
    for (let n = 0; n < 7; n++) {
      const byte = this.raw[this.take(1, end)]
      value += (byte & 127) * factor
      if (byte < 128) return value
      factor *= 128
    }
    let big = BigInt(value)
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.raw[this.take(1, end)]
      big |= BigInt(byte & 127) << shift
      if (byte < 128) {
        big = BigInt.asUintN(64, big)
        return big <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(big) : big
      }
    }
    throw new Error('a number has more than ten bytes')
  }

  // length reads a length, and returns where what has it ends.
  length (end) {
    const n = Number(this.varint(end))
    if (n > end - this.at) throw new Error('a field goes on after its message')
    return this.at + n
  }

  // take passes n bytes, and returns where they begin.
  take (n, end) {
    const at = this.at
    if (n > end - at) throw new Error('a message ends within a field')
    this.at = at + n
    return at
  }

  skip (wire, end) {
    if (wire === VARINT) this.varint(end)
    else if (wire === FIXED64) this.take(8, end)
    else if (wire === FIXED32) this.take(4, end)
    else if (wire === BYTES) this.at = this.length(end)
    else throw new Error(`the wire type ${wire}`)
  }
}

// encode writes a message into bytes of its own.
function encode (name, message) {
  writer.at = writer.raw.length
  writer.message(layout(name), message)
  const bytes = Uint8Array.prototype.slice.call(writer.raw, writer.at)
  if (writer.raw.length > KEPT) writer.raw = Buffer.alloc(KEPT)
  return bytes
}

const KEPT = 4 << 20

// A Writer goes from the end to the beginning, so that lengths are known when they are written.
class Writer {
  constructor () {
    this.raw = Buffer.alloc(64 << 10)
    this.at = this.raw.length
  }

  message ({ fields }, message) {
    for (let i = fields.length - 1; i >= 0; i--) {
      const f = fields[i]
      const value = message[f.name]
      if (value === undefined || value === null) continue
      if (f.repeated) {
        for (let j = value.length - 1; j >= 0; j--) this.field(f, value[j])
      } else if (f.present || (f.wire === BYTES ? value.length > 0 : Number(value) !== 0)) {
        this.field(f, value)
      }
    }
  }

  field (f, value) {
    if (f.wire === VARINT) this.varint(value === true ? 1 : value === false ? 0 : value)
    else if (f.wire === FIXED32) this.fixed32(value)
    else this.bytes(f, value)
    this.varint(f.number * 8 + f.wire)
  }

  fixed32 (value) {
    const at = this.room(4)
    this.raw.writeUInt32LE(value, at)
  }

  bytes (f, value) {
    const before = this.raw.length - this.at
    if (f.type === 'string') {
      const n = Buffer.byteLength(value)
      const at = this.room(n)
      this.raw.write(value, at, n, 'utf8')
    } else if (f.type === 'bytes') {
      const at = this.room(value.length)
      this.raw.set(value, at)
    } else {
      this.message(layout(f.type), value)
    }
    this.varint(this.raw.length - this.at - before)
  }

  varint (value) {
    if (typeof value === 'bigint') {
      if (value > BigInt(Number.MAX_SAFE_INTEGER)) return this.bigVarint(value)
      value = Number(value)
    }
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`${value} is not a whole number from 0 on`)
    let n = 1
    for (let v = value; v > 127; v = Math.floor(v / 128)) n++
    let at = this.room(n)
    for (; n > 1; n--, value = Math.floor(value / 128)) this.raw[at++] = value % 128 + 128
    this.raw[at] = value
  }

  bigVarint (value) {
    const bytes = []
    for (; value > 127n; value >>= 7n) bytes.push(Number(value & 127n) | 128)
    bytes.push(Number(value))
    const at = this.room(bytes.length)
    this.raw.set(bytes, at)
  }

  // room takes n bytes, and returns where they begin. It may replace raw.
  room (n) {
    if (n > this.at) {
      const used = this.raw.length - this.at
      const larger = Buffer.alloc(Math.max(2 * this.raw.length, used + n))
      this.raw.copy(larger, larger.length - used, this.at)
      this.raw = larger
      this.at = larger.length - used
    }
    this.at -= n
    return this.at
  }
}

const writer = new Writer()

module.exports = { decode, define, encode }

'use strict'

// Runtime of Pontoon's plugins in Node: state machines.
//
// An author writes a class and hands an object of it to serve:
//
//     class Sum {
//       total = 0
//       apply (batch) { return batch.entries.map(entry => this.add(entry.data)) }
//       query (data) { return String(this.total) }
//       …
//     }
//
//     pontoon.serve(new Sum(), { name: 'sum', version: '1.0.0' })
//
// docs/plugins/node.md says what each method is given and must return. The runtime keeps the
// rules of docs/plugins/protocol.md; it needs Node and no package.

const { Refused } = require('./apply')
const { BadSnapshot, InvalidConfig, InvalidQuery, WrongIdentity } = require('./errors')
const launch = require('./launch')
const machine = require('./machine')

const serve = (given, options) => launch.serve(machine, given, options)

module.exports = { BadSnapshot, InvalidConfig, InvalidQuery, Refused, WrongIdentity, serve }

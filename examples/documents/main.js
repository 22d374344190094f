'use strict'

// documents: a state machine plugin of Pontoon.

const pontoon = require('./pontoon/index.js')
const { Documents } = require('./machine.js')

pontoon.serve(() => new Documents(), { name: 'documents', version: '1.0.0', stateHash: 'xor of documents/1' })

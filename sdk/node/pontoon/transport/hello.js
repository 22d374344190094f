'use strict'

// What two plugins say to each other when a connection is made: the caller a hello, and the
// other end an answer. Then the frames of link.js follow.

const { define } = require('../codec')
const { Mismatch, NOTHING } = require('./greeting')

const PRESENT = 2

define({
  'link.Hello': [
    [1, 'cluster', 'uint64', 0], [2, 'from', 'uint64', 0], [3, 'to', 'uint64', 0], [4, 'lane', 'string', 0],
    [5, 'greeting', 'Greeting', PRESENT], [6, 'expected', 'uint64', 0]
  ],
  'link.Answer': [
    [1, 'code', 'string', 0], [2, 'cluster', 'uint64', 0], [3, 'from', 'uint64', 0], [4, 'greeting', 'Greeting', PRESENT],
    [5, 'reason', 'uint32', 0], [6, 'known', 'uint64', 0], [7, 'index', 'uint64', 0], [8, 'term', 'uint64', 0], [9, 'text', 'string', 0]
  ],
  'link.Verdict': [[1, 'accepted', 'bool', 0], [2, 'later', 'bool', 0], [3, 'text', 'string', 0]]
})

// Lanes are what connections are for: what must not wait for the rest, the rest, a snapshot
// each, and the question who is there.
const CONTROL = 'control'
const BULK = 'bulk'
const SNAPSHOT = 'snapshot'
const PING = 'ping'
const LANES = [CONTROL, BULK, SNAPSHOT, PING]

// Refused is an answer that is no welcome. patient says that another attempt will have the same.
class Refused extends Error {
  constructor (text, patient = false) {
    super(text)
    this.patient = patient
  }
}

// Removed is the answer that this node was removed.
class Removed extends Refused {
  constructor ({ index, term }) {
    super(`this node was removed at index ${index} of term ${term}`, true)
    Object.assign(this, { index, term })
  }
}

// judgeCaller makes the answer to a hello. The order matters: a stranger of another cluster is
// told nothing, and only a member that was removed is told so (TR-8, TR-9).
function judgeCaller (core, hello) {
  const { book, removed, options } = core
  const answer = { code: 'refused', cluster: options.clusterId, from: options.nodeId }
  if (BigInt(hello.cluster) !== options.clusterId) return { ...answer, text: 'this node is in another cluster' }
  if (removed.has(hello.from)) return { ...answer, code: 'removed', ...removed.get(hello.from) }
  if (hello.to !== core.id || hello.from === core.id || hello.from === 0 || !LANES.includes(hello.lane)) {
    return { ...answer, text: `this node is ${core.id}` }
  }
  if (!book.ready) return { ...answer, code: 'not ready' }
  if (hello.lane === PING) return { ...answer, code: 'welcome', greeting: book.self }
  const { mismatch, notMeant } = book.call(hello.from, hello.greeting, hello.expected)
  if (!mismatch) return { ...answer, code: 'welcome', greeting: book.self }
  if (notMeant) return { ...answer, code: 'not meant', greeting: book.self }
  return { ...answer, code: 'mismatch', greeting: book.self, reason: mismatch.reason, known: mismatch.known }
}

// judgeAnswer throws unless a peer has welcomed this node, which had said own. Of another node's
// word nothing is believed.
function judgeAnswer (core, peer, own, answer) {
  const { book, options } = core
  if (BigInt(answer.cluster) !== options.clusterId || answer.from !== peer) {
    throw new Refused(`member ${answer.from} of cluster ${answer.cluster} answers: ${answer.text}`)
  }
  switch (answer.code) {
    case 'removed': throw new Removed(answer)
    case 'mismatch':
      book.refused(peer, new Mismatch(answer.reason, own, answer.greeting, answer.known))
      throw new Refused('the peer refuses the greeting of this node', true)
    case 'welcome':
    case 'not meant':
      if (book.meet(peer, answer.greeting)) throw new Refused('the greeting of the peer does not fit', true)
      if (answer.code === 'welcome') return
  }
  throw new Refused(`the peer says ${answer.code}: ${answer.text}`)
}

// said is a hello or an answer with a greeting, which may be one that says nothing.
function said (message) {
  if (message.code === 'mismatch' && !(message.reason >= 1 && message.reason <= 3)) {
    throw new Refused(`a mismatch for the reason ${message.reason}`)
  }
  return { ...message, greeting: message.greeting || NOTHING }
}

module.exports = { BULK, CONTROL, LANES, PING, Refused, Removed, SNAPSHOT, judgeAnswer, judgeCaller, said }

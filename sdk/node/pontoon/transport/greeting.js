'use strict'

// What members say of themselves, and whether two of them belong together (TR-27).

const STORE = 1
const FOUNDING = 2
const NUMBER = 3
const JUDGED = 1
const REFUSED_BY_PEER = 2
const NOTHING = { store: 0, number: 0, founding: 0, voters: 0 }

const EVENT_GREETED = 6
const EVENT_MISMATCH = 7

// A Mismatch is why two members do not belong together, as this node sees it: own and peer are
// the two greetings, and known is the store with which the side that judged knows the other.
class Mismatch extends Error {
  constructor (reason, own, peer, known = 0) {
    super('the greetings do not fit')
    Object.assign(this, { reason, own, peer, known })
  }

  event (peer, verdict) {
    const detail = this.sentence(verdict === REFUSED_BY_PEER)
    return { type: EVENT_MISMATCH, peer, detail, greeting: this.peer, reason: this.reason, verdict, known: this.known }
  }

  sentence (refused) {
    const { own, peer, known } = this
    if (this.reason === STORE) {
      return refused
        ? `the peer knows this member with the store ${hex(known)} and this node says ${hex(own.store)}: its disk was emptied or replaced, or this is a copy of its directory`
        : `the peer is known with the store ${hex(known)} and says ${hex(peer.store)}: its disk was emptied or replaced, or it is a copy of its directory`
    }
    const end = refused ? '; the peer refused this node' : ''
    if (this.reason === FOUNDING) {
      return `the peer's cluster was founded with other members or addresses (${hex(peer.founding)}) than this node's (${hex(own.founding)})${end}`
    }
    return `the peer's cluster has the number ${hex(peer.number)} and this node's has ${hex(own.number)}: one of them was founded anew, recovered or restored${end}`
  }
}

function hex (n) {
  return BigInt(n) === 0n ? 'none' : BigInt(n).toString(16).padStart(16, '0')
}

// judge is TR-27: null if a node that says own, and knows the peer with the store known, may
// talk to a peer that says peer.
function judge (own, peer, known) {
  const differ = (a, b) => a !== 0 && b !== 0 && a !== b
  if (known !== 0 && peer.store !== known) return new Mismatch(STORE, own, peer, known)
  if (differ(own.founding, peer.founding)) return new Mismatch(FOUNDING, own, peer)
  if (differ(own.number, peer.number)) return new Mismatch(NUMBER, own, peer)
  return null
}

function same (a, b) {
  return Object.keys(NOTHING).every(field => a[field] === b[field])
}

function greeted (peer, greeting) {
  return { type: EVENT_GREETED, peer, greeting }
}

module.exports = { JUDGED, Mismatch, NOTHING, REFUSED_BY_PEER, STORE, greeted, judge, same }

'use strict'

// What this node says of itself and has seen of others, and who may talk to whom.

const { JUDGED, Mismatch, NOTHING, REFUSED_BY_PEER, STORE, greeted, judge, same } = require('./greeting')

const MOST_STRANGERS = 64 // that are remembered, and of which the host is told in quiet time

// A Book has a page for each peer. notify takes an event before anything else of the peer goes
// to the host; quiet is the election timeout in ms.
class Book {
  constructor (notify, quiet) {
    this.notify = notify
    this.quiet = quiet
    this.ready = false // the host has said who this node is
    this.alone = false // its set has no members
    this.self = NOTHING
    this.pages = new Map()
    this.told = this.since = 0 // greetings of strangers that were told, in the time since then
  }

  // set takes what the host says. It returns the peers whose connections end: they were made
  // with another store of this node, or their greetings do not fit any more (TR-33).
  set ({ self = NOTHING, peers }) {
    const anew = this.self.store !== self.store
    Object.assign(this, { self, ready: true, alone: peers.length === 0 })
    const members = new Set(peers.map(peer => peer.id))
    for (const { id, store } of peers) this.name(this.page(id), store)
    const broken = []
    for (const [id, page] of this.pages) {
      if (page.member && !members.has(id)) this.pages.delete(id)
      else if (anew || judge(self, page.last, known(page))) broken.push(id)
    }
    return broken
  }

  // name notes the store that the host names, or that it names none any more.
  name (page, store) {
    if (store === 0 && page.named !== 0) page.pinned = 0
    if (!page.member) page.again = !same(page.last, NOTHING)
    page.member = true
    page.named = store
  }

  // meet judges the greeting of a peer. If it fits, the host is told of it, and messages of the
  // peer may be delivered. Otherwise it returns the mismatch, which was told.
  meet (peer, greeting, stays = true) {
    const page = this.page(peer)
    page.heard = performance.now()
    const mismatch = judge(this.self, greeting, known(page))
    if (mismatch) {
      this.tell(peer, page, mismatch, JUDGED)
      return mismatch
    }
    if (!stays) return null
    if (known(page) === 0 && page.member) page.pinned = greeting.store // a stranger has acknowledged nothing yet
    if (!same(greeting, page.last) || page.again) {
      page.last = greeting
      page.again = !page.member && !this.roomToTell(page.heard)
      if (!page.again) this.notify(greeted(peer, greeting))
    }
    return null
  }

  // judge is meet for a peer that is only asked who it is: nothing is told, and nothing noted.
  judge (peer, greeting) {
    return judge(this.self, greeting, this.expected(peer))
  }

  roomToTell (now) {
    if (now - this.since >= this.quiet) Object.assign(this, { told: 0, since: now })
    return ++this.told <= MOST_STRANGERS
  }

  // named tells the host what a peer said as a stranger, if it has become a member since (TR-29).
  named (peer) {
    const page = this.pages.get(peer)
    if (page && page.member && page.again) this.meet(peer, page.last)
  }

  // expected is the store that a peer must say; 0 if any will do.
  expected (peer) {
    const page = this.pages.get(peer)
    return page ? known(page) : 0
  }

  // call judges a caller that expects this node to have a store; 0 is any. notMeant says that
  // the caller will judge the answer itself (TR-31).
  call (caller, greeting, expected) {
    const meant = expected === 0 || expected === this.self.store
    const mismatch = this.meet(caller, greeting, meant)
    if (mismatch) return { mismatch, notMeant: false }
    if (meant) return { mismatch: null, notMeant: false }
    const other = new Mismatch(STORE, this.self, greeting, expected)
    this.tell(caller, this.page(caller), other, REFUSED_BY_PEER)
    return { mismatch: other, notMeant: true }
  }

  // refused notes that a peer has refused this node. A mismatch that names the very store that
  // this node said, or none, accuses of nothing.
  refused (peer, mismatch) {
    if (mismatch.reason === STORE && (mismatch.known === 0 || mismatch.known === mismatch.own.store)) return
    this.tell(peer, this.page(peer), mismatch, REFUSED_BY_PEER)
  }

  // stands tells whether a connection may stay on which the peer has said met, and this node said.
  stands (peer, met, said) {
    return said.store === this.self.store && !judge(this.self, met, known(this.page(peer)))
  }

  // tell tells the host of a mismatch with a member, once in quiet time (TR-32). Of strangers it
  // is told only while it has no members: they may be its cluster.
  tell (peer, page, mismatch, verdict) {
    if (!page.member && !this.alone) return
    const line = `${mismatch.reason}/${verdict}`
    const now = performance.now()
    if (now - page.said.get(line) < this.quiet) return
    page.said.set(line, now)
    this.notify(mismatch.event(peer, verdict))
  }

  page (peer) {
    if (!this.pages.has(peer)) {
      this.makeRoom()
      this.pages.set(peer, { member: false, named: 0, pinned: 0, last: NOTHING, again: false, heard: performance.now(), said: new Map() })
    }
    return this.pages.get(peer)
  }

  // makeRoom forgets the stranger unheard of for longest, if there are too many.
  makeRoom () {
    const strangers = [...this.pages].filter(([, page]) => !page.member).sort(([, a], [, b]) => a.heard - b.heard)
    if (strangers.length >= MOST_STRANGERS) this.pages.delete(strangers[0][0])
  }
}

function known (page) {
  return page.named || page.pinned
}

module.exports = { Book }

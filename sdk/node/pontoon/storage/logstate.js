'use strict'

// What a log amounts to beside its entries, and what the protocol forbids with it.

const { InvalidArgument, Limit } = require('../errors')
const { Compacted, EntriesUnavailable } = require('./errors')

const MAX_TYPE = 255

// A LogState is the range of a log, its terms and its hard state. base is the last index that
// was given up, and last that of the last entry: the same in an empty log. terms are the
// boundaries of ST-6, of which the first is that of base.
class LogState {
  constructor (base = 0, term = 0) {
    this.base = this.last = base
    this.terms = [{ index: base, term }]
    this.hard = { term: 0, vote: 0, commit: 0 }
  }

  clone () {
    const state = new LogState()
    return Object.assign(state, this, { terms: this.terms.slice() })
  }

  // term is that of an index from base to last.
  term (index) {
    return this.terms[Math.max(this.above(index), 1) - 1].term
  }

  // above is the place of the first boundary above an index.
  above (index) {
    let [low, high] = [0, this.terms.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.terms[middle].index > index) high = middle
      else low = middle + 1
    }
    return low
  }

  // take takes in a batch that check has let through.
  take ({ entries, hardState }) {
    if (entries.length > 0) {
      this.last = entries[0].index - 1
      while (this.terms.length > 1 && this.terms[this.terms.length - 1].index > this.last) this.terms.pop()
    }
    for (const { term } of entries) {
      this.last++
      if (term !== this.terms[this.terms.length - 1].term) this.terms.push({ index: this.last, term })
    }
    if (hardState && !isZero(hardState)) this.hard = hardState
  }

  // check is ST-12 to ST-15. Nothing has changed after an error.
  check ({ entries, hardState }, limits) {
    let { last } = this
    if (entries.length > 0) {
      const first = entries[0].index
      if (!(first <= last + 1 && first > this.base && first > this.hard.commit)) {
        throw new InvalidArgument(`entries begin at ${first}, the log is [${this.base + 1},${last}] with commit ${this.hard.commit}`)
      }
      checkEntries(entries, this.term(first - 1), limits)
      last = first + entries.length - 1
    }
    const next = hardState || ZERO
    if (next.commit > last) throw new InvalidArgument(`commit ${next.commit} is beyond the last index ${last}`)
    this.checkHard(next)
  }

  // checkHard refuses a hard state whose term or commit falls (ST-13).
  checkHard (next) {
    if (!isZero(next) && (next.term < this.hard.term || next.commit < this.hard.commit)) {
      throw new InvalidArgument(`a hard state of term ${next.term} and commit ${next.commit} after term ${this.hard.term} and commit ${this.hard.commit}`)
    }
  }

  // checkRead is ST-22.
  checkRead (lo, hi) {
    if (lo > hi) throw new InvalidArgument(`read [${lo},${hi})`)
    if (lo <= this.base) throw new Compacted(`read [${lo},${hi}): the first index is ${this.base + 1}`)
    if (hi > this.last + 1) throw new EntriesUnavailable(`read [${lo},${hi}): the last index is ${this.last}`)
  }

  // compacted is the log without the entries up to an index, of which newest is that of the
  // newest visible snapshot (ST-23).
  compacted (index, newest) {
    if (index > newest || index > this.last) {
      throw new InvalidArgument(`compact to ${index}: the newest snapshot is at ${newest}, the last entry at ${this.last}`)
    }
    const next = this.clone()
    next.base = index
    next.terms = this.terms.slice(this.above(index) - 1)
    next.terms[0] = { index, term: this.term(index) }
    return next
  }

  // installed is the log after a received snapshot (ST-35, ST-36).
  installed (index, term, hardState) {
    const hard = hardState || ZERO
    if (index <= this.base || index < this.hard.commit || hard.commit > index) {
      throw new InvalidArgument(`the log begins at ${this.base + 1}, its commit is ${this.hard.commit}, the new one ${hard.commit}`)
    }
    const next = new LogState(index, term)
    next.hard = { ...(isZero(hard) ? this.hard : hard), commit: index }
    this.checkHard(next.hard)
    return next
  }

  // checkSnapshot is ST-28, of a snapshot of this node's own.
  checkSnapshot (index, term) {
    if (index > this.last) throw new InvalidArgument(`a snapshot at ${index} of a log that ends at ${this.last}`)
    if (index >= this.base && term !== this.term(index)) {
      throw new InvalidArgument(`a snapshot at ${index} of term ${term}, the log has term ${this.term(index)} there`)
    }
  }

  // opened is what Open answers of the log. What was given up was committed, also where the
  // stored commit lags (ST-5).
  opened () {
    const { hard, base, last, terms } = this
    return { hardState: { ...hard, commit: hard.commit < base ? base : hard.commit }, firstIndex: base + 1, lastIndex: last, terms }
  }
}

const ZERO = { term: 0, vote: 0, commit: 0 }

function isZero ({ term, vote, commit }) {
  return term === 0 && vote === 0 && commit === 0
}

function checkEntries (entries, term, limits) {
  let size = 0
  let index = entries[0].index
  for (const e of entries) {
    if (e.index !== index) throw new InvalidArgument(`entry ${e.index} follows entry ${index - 1}`)
    if (e.term < term || e.term === 0) throw new InvalidArgument(`entry ${e.index} has term ${e.term} after term ${term}`)
    if (e.type > MAX_TYPE) throw new InvalidArgument(`entry ${e.index} has type ${e.type}`)
    if (e.data.length > limits.entry) throw new Limit(`entry ${e.index} has ${e.data.length} bytes, the limit is ${limits.entry}`)
    size += e.data.length
    term = e.term
    index++
  }
  if (entries.length > 1 && size > limits.batch) {
    throw new Limit(`${entries.length} entries have ${size} bytes, the limit of a batch is ${limits.batch}`)
  }
}

module.exports = { LogState, isZero }

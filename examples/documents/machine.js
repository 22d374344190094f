'use strict'

// The application: JSON documents, each with an id and a revision.

const { isUtf8 } = require('node:buffer')
const crypto = require('node:crypto')
const timers = require('node:timers/promises')

const pontoon = require('./pontoon/index.js')
const json = require('./json.js')
const snapshot = require('./snapshot.js')

const COMMAND = /^(put|patch|delete) ([\w.-]{1,64})(?:@(\d{1,15}))?(?: (.+))?$/s
const USAGE = 'a command is: put ID JSON, patch ID JSON, or delete ID; ID@REVISION names the revision that it replaces'
const QUERIES = 'a query is: get ID, status, all, or find FIELD VALUE'
const MOST = 1000 // documents in an answer that is one message

// Documents is the state machine. Its methods never run at the same time.
class Documents {
  documents = new Map() // by id: { revision, text }, which is replaced and never changed
  revision = 0 // the index of the last command that was accepted
  sum = Buffer.alloc(32) // of all documents, kept up with each change

  apply (batch) {
    return batch.entries.map(entry => this.one(entry))
  }

  // one applies a command, in the order of the log. All that it refuses it refuses before the
  // first change.
  one ({ index, data }) {
    const [, verb, id, replaced, text] = (isUtf8(data) && COMMAND.exec(data.toString())) || []
    if (!verb || (verb === 'delete' && text)) return new pontoon.Refused(USAGE)
    const old = this.documents.get(id)
    const revision = old ? old.revision : 0
    if (replaced && Number(replaced) !== revision) return new pontoon.Refused(`the document has revision ${revision}`)
    if (!old && verb !== 'put') return new pontoon.Refused('there is no such document')
    if (verb === 'delete') {
      this.set(id, undefined)
    } else {
      const given = json.parsed(text)
      const made = given && json.written(verb === 'put' ? given : json.patched(JSON.parse(old.text), given))
      if (!made) return new pontoon.Refused(json.RULE)
      this.set(id, { revision: index, text: made })
    }
    this.revision = index
    return JSON.stringify({ revision: index })
  }

  // set puts a document in the place of another one, or nothing.
  set (id, document) {
    this.count(id, this.documents.get(id))
    this.count(id, document)
    if (document) this.documents.set(id, document)
    else this.documents.delete(id)
  }

  // count takes a document into the sum, or out of it.
  count (id, document) {
    if (!document) return
    const one = crypto.createHash('sha256').update(snapshot.line(id, document)).digest()
    for (let i = 0; i < one.length; i++) this.sum[i] ^= one[i]
  }

  stateHash () {
    return crypto.createHash('sha256').update(`${this.revision} `).update(this.sum).digest()
  }

  // query answers a client with one message. It changes nothing.
  query (data) {
    const text = data.toString()
    if (text === 'status') {
      return JSON.stringify({ documents: this.documents.size, revision: this.revision, hash: this.stateHash().toString('hex') })
    }
    const [, id] = /^get ([\w.-]{1,64})$/.exec(text) || []
    if (id) return this.documents.has(id) ? shown(id, this.documents.get(id)) : 'null'
    const lines = []
    for (const line of matching(this.documents, wanted(text))) {
      if (lines.push(line) > MOST) throw new pontoon.InvalidQuery(`more than ${MOST} documents: ask in chunks`)
    }
    return lines.join('')
  }

  // queryStream answers in chunks, one for each document, as the state is now. It copies
  // before it returns; what is returned is read beside apply.
  queryStream (data) {
    return inTurns([...this.documents], wanted(data.toString()))
  }

  // save fixes the state as it is now. What is returned is read later, beside apply.
  save () {
    return snapshot.pieces(this.revision, [...this.documents])
  }

  // restore replaces the state by that of a snapshot. An exception says that it is none.
  async restore (index, chunks) {
    const all = []
    for await (const chunk of chunks) all.push(chunk)
    const { revision, documents } = snapshot.read(Buffer.concat(all))
    Object.assign(this, { revision, documents: new Map(), sum: Buffer.alloc(32) })
    for (const [id, document] of documents) this.set(id, document)
  }
}

function shown (id, { revision, text }) {
  return `{"id":"${id}","revision":${revision},"document":${text}}`
}

// wanted tells of a document whether a query asks for it.
function wanted (text) {
  if (text === 'all') return () => true
  const [, path, value] = /^find ([^ ]+) (.+)$/s.exec(text) || []
  const sought = path && json.normal(value)
  if (!sought) throw new pontoon.InvalidQuery(QUERIES)
  return document => json.at(document.text, path.split('.')) === sought
}

function * matching (documents, wanted) {
  for (const [id, document] of documents) if (wanted(document)) yield shown(id, document) + '\n'
}

// inTurns gives the matching ones, and lets other work have its turn meanwhile.
async function * inTurns (documents, wanted) {
  for (let at = 0; at < documents.length; at += MOST) {
    yield * matching(documents.slice(at, at + MOST), wanted)
    await timers.setImmediate()
  }
}

module.exports = { Documents }

'use strict'

// Tests of the application. make check runs the conformance kit on the plugin.

const assert = require('node:assert')
const { test } = require('node:test')

const pontoon = require('./pontoon/index.js')
const { Documents } = require('./machine.js')

// applied has commands applied from an index on, and gives results and refusals as texts.
function applied (documents, index, ...commands) {
  const entries = commands.map((data, i) => ({ index: index + i, data: Buffer.from(data) }))
  return documents.apply({ entries }).map(result => result instanceof pontoon.Refused ? result.text : result)
}

function asked (documents, query) {
  return JSON.parse(documents.query(Buffer.from(query)))
}

test('documents are put, patched and deleted', () => {
  const documents = new Documents()
  applied(documents, 1, 'put ada {"name":"Ada","at":{"city":"Paris","zip":"75001"}}', 'patch ada {"at":{"zip":null},"tags":["x"]}')
  assert.deepStrictEqual(asked(documents, 'get ada'), { id: 'ada', revision: 2, document: { name: 'Ada', at: { city: 'Paris' }, tags: ['x'] } })
  assert.deepStrictEqual(applied(documents, 3, 'delete ada'), ['{"revision":3}'])
  assert.strictEqual(asked(documents, 'get ada'), null)
})

test('a command that names a revision replaces that one alone', () => {
  const documents = new Documents()
  const results = applied(documents, 7, 'put a@0 {"n":1}', 'put a@0 {"n":2}', 'patch a@7 {"n":3}', 'delete a@7', 'delete a@9')
  assert.deepStrictEqual(results, ['{"revision":7}', 'the document has revision 7', '{"revision":9}', 'the document has revision 9', '{"revision":11}'])
})

test('a command that is refused changes nothing', () => {
  const documents = new Documents()
  applied(documents, 1, 'put a {"n":1}', `put big {"a":"${'x'.repeat(60_000)}"}`)
  const before = documents.query(Buffer.from('status'))
  const deep = '{"a":'.repeat(33) + '1' + '}'.repeat(33)
  const refused = ['put a', 'put a [1]', 'put a null', 'put a {', `put a ${deep}`, 'put a {"n":1e999}', 'put a {"n":9007199254740993}', 'put a/b {}',
    'delete a {}', 'delete b', 'patch b {}', 'patch a [1]', `patch big {"b":"${'x'.repeat(10_000)}"}`, 'hello', Buffer.from([...Buffer.from('put a {"n":"'), 0xff, 0x22, 0x7d])]
  for (const text of applied(documents, 3, ...refused)) assert.match(text, /^(a command is|a document is|there is no)/)
  assert.strictEqual(documents.query(Buffer.from('status')), before)
})

test('a field of any name is a field', () => {
  const documents = new Documents()
  applied(documents, 1, 'put a {"n":1}', 'patch a {"__proto__":{"x":1}}')
  assert.strictEqual(documents.query(Buffer.from('get a')), '{"id":"a","revision":2,"document":{"n":1,"__proto__":{"x":1}}}')
  assert.strictEqual(documents.query(Buffer.from('find constructor.name "Object"')), '')
  assert.strictEqual(asked(documents, 'find __proto__.x 1').id, 'a')
})

test('documents are found by a field, with one message or in chunks', async () => {
  const documents = new Documents()
  for (let i = 1; i <= 2500; i++) applied(documents, i, `put d${i} {"parity":${i % 2},"at":{"n":${i}}}`)
  assert.strictEqual(asked(documents, 'find at.n 7').id, 'd7')
  assert.throws(() => asked(documents, 'find parity 1'), /ask in chunks/)
  const stream = documents.queryStream(Buffer.from('find parity 1'))
  applied(documents, 2501, 'delete d1')
  let found = 0
  for await (const line of stream) found += JSON.parse(line).document.parity
  assert.strictEqual(found, 1250)
})

test('a query that makes no sense is refused', () => {
  for (const query of ['what?', 'get a/b', 'find a', 'find a {']) assert.throws(() => asked(new Documents(), query), pontoon.InvalidQuery)
})

function saved () {
  const documents = new Documents()
  applied(documents, 1, 'put b {"n":1}', 'put a {"text":"ä\\n"}', 'delete b', 'put b {"10":1,"9":2}')
  const pieces = documents.save()
  const status = documents.query(Buffer.from('status'))
  applied(documents, 5, 'put c {}')
  return { raw: Buffer.concat([...pieces]), status }
}

test('a snapshot makes the same documents, in the same order', async () => {
  const { raw, status } = saved()
  const documents = new Documents()
  applied(documents, 1, 'put z {}')
  await documents.restore(4, [raw.subarray(0, 7), raw.subarray(7)])
  assert.strictEqual(documents.query(Buffer.from('status')), status)
  assert.deepStrictEqual([...documents.documents.keys()], ['a', 'b'])
})

test('a snapshot that was changed or cut is refused', async () => {
  const { raw } = saved()
  for (let at = 0; at < raw.length; at++) {
    const changed = Buffer.from(raw)
    changed[at] ^= 1
    for (const bad of [changed, raw.subarray(0, at), Buffer.concat([raw, raw.subarray(0, at), Buffer.from('x')])]) {
      await assert.rejects(new Documents().restore(4, [bad]))
    }
  }
})

'use strict'

// The question whether a member answers under one of some URLs. Nothing changes by it (TR-44).

const { urlOf } = require('./address')
const { PeerUnreachable, UnknownPeer } = require('./errors')
const { PING } = require('./hello')
const { greeted } = require('./peer')

async function ping (core, request, call) {
  core.life.check(request.call)
  const { id, urls } = request.peer || { urls: [] }
  if (!core.peers.has(id)) throw new UnknownPeer(`${id} is no peer`)
  const tries = urls.map(text => asked(core, id, text, call.signal).catch(error => { throw new Error(`${text}: ${error.message}`) }))
  try {
    await Promise.any(tries)
    return {}
  } catch (error) {
    throw new PeerUnreachable(error.errors.map(e => e.message).join('; ') || 'the peer has no URL')
  }
}

async function asked (core, id, text, signal) {
  const url = urlOf(text)
  if (!core.schemes.includes(url.scheme)) throw new Error('this transport does not dial it')
  const link = await greeted(core, id, url, PING, signal)
  link.end(new Error('it is over'))
  const { answer } = link
  if (BigInt(answer.cluster) !== core.options.clusterId || answer.from !== id || answer.code !== 'welcome') {
    throw new Error(`member ${answer.from} of cluster ${answer.cluster} answers: ${answer.code} ${answer.text}`)
  }
  const mismatch = core.book.judge(id, answer.greeting)
  if (mismatch) throw new Error(mismatch.sentence(false))
}

module.exports = { ping }

'use strict'

// Addresses to listen on, and the URLs of peers (TR-1, TR-4).

const { InvalidArgument, InvalidConfig } = require('../errors')

const URL_FORM = /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9a-fA-F:.%]+\]|[^/?#@:[\]]+):([0-9]{1,5})\/?$/i

// listenOf reads host:port, where the host may be left out.
function listenOf (text) {
  const found = /^(\[[^\]]*\]|[^:[\]]*):([0-9]{1,5})$/.exec(text)
  if (!found || Number(found[2]) > 65535) throw new InvalidConfig(`cannot listen on ${JSON.stringify(text)}: want host:port`)
  return { host: bare(found[1]), port: Number(found[2]) }
}

// urlOf reads the URL of a peer.
function urlOf (text) {
  const found = URL_FORM.exec(text)
  const port = found ? Number(found[3]) : 0
  if (port < 1 || port > 65535) throw new InvalidArgument(`the peer URL ${JSON.stringify(text)} must be scheme://host:port`)
  return { text, scheme: found[1].toLowerCase(), host: bare(found[2]), port }
}

function bare (host) {
  return host.replace(/^\[|\]$/g, '')
}

// addressText is what Open answers of a server's address.
function addressText ({ address, port }) {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

module.exports = { addressText, listenOf, urlOf }

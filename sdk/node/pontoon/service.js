'use strict'

// The methods of a kind's service by their paths. Those of the service Plugin are served by
// the thread that has the socket (session.js).

// The shapes of methods: which side of them is a stream. A method of the shape itself is given
// the call, and takes and answers messages as it likes; it gets what was received before its
// host gave the call up.
const shapes = {
  unary: {},
  reads: { reads: true },
  writes: { writes: true },
  both: { reads: true, writes: true },
  itself: { itself: true, keeps: true }
}

function tableOf (service, rows) {
  return Object.fromEntries(rows.map(([name, shape, request, response, serve]) =>
    [`/pontoon.plugin.v1.${service}/${name}`, { name, ...shape, request, response, serve }]))
}

module.exports = { shapes, tableOf }

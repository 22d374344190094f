'use strict'

// Runtime of Pontoon's plugins in Node: transports.
//
// An author writes a network, which listens and dials, and hands a function that makes one to
// serve:
//
//     transport.serve(() => new Network(), { name: 'pigeon', version: '1.0.0' })
//
// docs/plugins/node.md says what each method is given and must return. The runtime has all of
// a transport that is not a network: greetings, queues, reports of what was lost, snapshots,
// and the end.

const { InvalidConfig } = require('../errors')
const launch = require('../launch')
const { Transport } = require('./core')

const kind = {
  text: 'transport',

  // schemes are those of the URLs that dial takes; by default the plugin's name is the one.
  // configSchema is a JSON Schema of the config section; without one, a section is refused.
  describe: (network, { name, version, schemes = [name], configSchema, requires }) => ({
    kind: 'transport',
    name,
    version,
    protocols: [1],
    capabilities: [...schemes.map(scheme => `scheme:${scheme}`), 'ping'],
    configSchema: configSchema ? Buffer.from(configSchema) : undefined,
    requires
  }),

  check (network) {
    for (const method of ['listen', 'dial']) {
      if (typeof network[method] !== 'function') throw new TypeError(`the network has no method ${method}`)
    }
  },

  core: (network, description) => new Transport(network, description)
}

function serve (given, options) {
  launch.serve(kind, given, options)
}

module.exports = { InvalidConfig, serve }

'use strict'

// A state machine as a kind of plugin: what is said of it, and what is asked of an author.

const { Core } = require('./core')

const OPTIONAL = { queryStream: 'query-streams', wake: 'timers', durable: 'durable' }

// configSchema is a JSON Schema of the config section; without one, a section is refused.
// commandVersions are the least and the greatest that apply understands. snapshotFormat is
// the number of what save makes, and snapshotFormats are others that restore reads. stateHash
// names what the method stateHash returns.
function describe (machine, { name, version, configSchema, commandVersions, snapshotFormat, snapshotFormats, stateHash, requires }) {
  const [least, greatest] = commandVersions || [0, 0]
  return {
    kind: 'statemachine',
    name,
    version,
    protocols: [1],
    capabilities: Object.keys(OPTIONAL).filter(method => machine[method]).map(method => OPTIONAL[method]),
    configSchema: configSchema ? Buffer.from(configSchema) : undefined,
    requires,
    commandVersions: { least, greatest },
    snapshotFormats: snapshotFormat || snapshotFormats ? { written: snapshotFormat || 0, readable: snapshotFormats || [] } : undefined,
    stateHash
  }
}

// check refuses a machine whose methods cannot be right.
function check (machine, { stateHash }) {
  const needed = ['apply', 'query', 'save', 'restore']
  if (stateHash) needed.push('stateHash')
  if (machine.durable) needed.push('sync')
  for (const method of needed) {
    if (typeof machine[method] !== 'function') throw new TypeError(`the machine has no method ${method}`)
  }
  for (const method of ['save', 'queryStream']) {
    if (machine[method] && /GeneratorFunction$/.test(machine[method].constructor.name)) {
      throw new TypeError(`${method} is a generator, whose body runs later, beside apply: let it copy what it needs, and ` +
        'return an iterator that another function makes of the copy')
    }
  }
}

function core (machine, description) {
  return new Core(machine, description)
}

module.exports = { check, core, describe, text: 'state machine' }

'use strict'

// The process: environment, handshake, signals and the end.

const fs = require('fs')
const path = require('path')
const { Worker } = require('worker_threads')

const { attach } = require('./attach')
const { Calls } = require('./calls')
const { encode } = require('./codec')
const { Core } = require('./core')
const log = require('./log')
const { methodsOf } = require('./methods')

const COOKIE = 'b2f1c7d4-0c55-4b0e-9a64-7d1a3f6e8e21'
const EX_USAGE = 64
const started = process.env.PONTOON_PLUGIN === COOKIE // by a host
const OPTIONAL = { queryStream: 'query-streams', wake: 'timers', durable: 'durable' }

if (started) log.takeConsole() // before the handshake line too

// serve serves a machine to the host that started this program, or that attaches to it. given
// is the machine, or a function that makes one: each host that attaches has one of its own.
//
// configSchema is a JSON Schema of the config section; without one, a section is refused.
// commandVersions are the least and the greatest that apply understands. snapshotFormat is
// the number of what save makes, and snapshotFormats are others that restore reads. stateHash
// names what the method stateHash returns.
function serve (given, options) {
  let machine = typeof given === 'function' ? given() : given
  const description = describe(machine, options)
  check(machine, options.stateHash)
  if (process.argv[2] === 'describe') {
    fs.writeSync(1, JSON.stringify({ ...description, configSchema: options.configSchema }, null, 2) + '\n')
    return
  }
  const directory = process.env.PLUGIN_UNIX_SOCKET_DIR
  if (started && directory) {
    run(new Core(machine, description), path.join(directory, 's'))
    return
  }
  if (process.argv[2] === 'attach') {
    endWithErrors()
    attach(description, process.argv.slice(3), COOKIE, socket => {
      const core = new Core(machine || given(), description)
      machine = null // the next host gets another one
      return attached(core, socket, typeof given === 'function')
    })
    return
  }
  process.stderr.write(`${options.name} is a state machine plugin of Pontoon: a host starts it (P-1). ` +
    'To see what it is, run it with the argument describe; to have it wait for a host, in a debugger for example, with the argument attach.\n')
  process.exitCode = EX_USAGE
}

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
function check (machine, stateHash) {
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

function run (core, socket) {
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {}) // P-7
  endWithErrors()
  name(`pontoon-${core.description.name}`)
  connected(core, socket, false)
}

function endWithErrors () {
  for (const event of ['uncaughtException', 'unhandledRejection']) process.on(event, error => end(event, error))
}

// connected starts the thread with the socket. listening is called when it listens.
function connected (core, socket, attached, listening) {
  const methods = methodsOf(core)
  const worker = thread({
    description: encode('DescribeResponse', core.description),
    hasMetrics: Boolean(core.machine.metrics),
    socket,
    attached,
    paths: Object.keys(methods)
  })
  const calls = new Calls(worker, methods)
  worker.on('message', message => {
    if (Array.isArray(message)) calls.take(message)
    else if (message.level) log.setLevel(message.level)
    else if (message.metrics) worker.postMessage({ metrics: metrics(core) })
    else if (message.listening) listening()
    else if (message.end) process.exit(0)
  })
  worker.on('error', error => end('the thread with the socket has failed', error))
  return { worker, calls }
}

// attached serves a host that has attached. It returns the function that ends that; more
// tells whether there may be another host after it.
async function attached (core, socket, more) {
  let host
  await new Promise(resolve => { host = connected(core, socket, true, resolve) })
  return async () => {
    await host.worker.terminate()
    await host.calls.cancelAll()
    await core.end()
    if (!more) {
      console.info('serve was given a machine and no function that makes one, so that there is none for another host')
      process.exit(0)
    }
  }
}

// end ends the process: what has failed may have left the state half-way.
function end (what, error) {
  console.error('the plugin ends, %s:', what, error)
  process.exit(1)
}

// metrics are the machine's own text. An error of it ends nothing.
function metrics (core) {
  try {
    return core.metrics()
  } catch (error) {
    console.error('metrics failed:', error)
  }
}

// thread starts the one with the socket. In a plugin of one file its source is that of the
// modules that bundle.js has put there.
function thread (workerData) {
  const source = typeof pontoonBundle === 'undefined'
    ? `require(${JSON.stringify(path.join(__dirname, 'server.js'))}).start()`
    : pontoonBundle.source('pontoon/server.js')
  return new Worker(source, { workerData, eval: true })
}

function name (text) {
  try {
    fs.writeFileSync('/proc/self/comm', text.slice(0, 15))
  } catch (error) {
    console.debug('the process keeps its name: %s', error.message)
  }
}

module.exports = { check, serve }

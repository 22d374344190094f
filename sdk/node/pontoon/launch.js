'use strict'

// The process: environment, handshake, signals and the end.

const fs = require('fs')
const path = require('path')
const { Worker } = require('worker_threads')

const { attach } = require('./attach')
const { Calls } = require('./calls')
const { encode } = require('./codec')
const log = require('./log')

const COOKIE = 'b2f1c7d4-0c55-4b0e-9a64-7d1a3f6e8e21'
const EX_USAGE = 64
const started = process.env.PONTOON_PLUGIN === COOKIE // by a host

if (started) log.takeConsole() // before the handshake line too

// serve serves a plugin to the host that started this program, or that attaches to it. kind
// has what is its kind's own: describe, check and core, the calls of a plugin. given is what
// the author made, or a function that makes it: each host that attaches has one of its own.
function serve (kind, given, options) {
  let made = typeof given === 'function' ? given() : given
  const description = kind.describe(made, options)
  kind.check(made, options, given)
  if (process.argv[2] === 'describe') {
    fs.writeSync(1, JSON.stringify({ ...description, configSchema: options.configSchema }, null, 2) + '\n')
    return
  }
  const directory = process.env.PLUGIN_UNIX_SOCKET_DIR
  if (started && directory) {
    run(kind.core(made, description, given), path.join(directory, 's'))
    return
  }
  if (process.argv[2] === 'attach') {
    endWithErrors()
    attach(description, process.argv.slice(3), COOKIE, socket => {
      const core = kind.core(made || given(), description, given)
      made = null // the next host gets another one
      return attached(core, socket, typeof given === 'function')
    })
    return
  }
  process.stderr.write(`${options.name} is a ${kind.text} plugin of Pontoon: a host starts it (P-1). ` +
    'To see what it is, run it with the argument describe; to have it wait for a host, in a debugger for example, with the argument attach.\n')
  process.exitCode = EX_USAGE
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
  const { methods } = core
  const worker = thread({
    description: encode('DescribeResponse', core.description),
    hasMetrics: core.hasMetrics,
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
      console.info('serve was given what it serves and no function that makes one, so that there is none for another host')
      process.exit(0)
    }
  }
}

// end ends the process: what has failed may have left the state half-way.
function end (what, error) {
  console.error('the plugin ends, %s:', what, error)
  process.exit(1)
}

// metrics are the author's own text. An error of it ends nothing.
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

module.exports = { serve }

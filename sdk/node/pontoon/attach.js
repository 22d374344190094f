'use strict'

// A plugin that is started by hand, and waits for hosts to attach to it (P-48 to P-51).

const fs = require('fs')
const net = require('net')
const os = require('os')
const path = require('path')

const GREETING = 4096
const PATIENCE = 10_000 // ms for the lines of a host
const MAX_PATH = 92 // leaves room for the sockets of hosts, whose paths are a little longer

// attach waits for hosts at a path. connect serves one of them, on a socket of its own, and
// returns what ends that.
async function attach (description, given, cookie, connect) {
  const { kind, name } = description
  if (given.length > 1) return fail(name, 'one path may follow the argument attach')
  const at = given.length ? path.resolve(given[0]) : ownPath(description)
  try {
    await prepare(at)
  } catch (error) {
    return fail(name, error.message)
  }
  const hosts = new Hosts(at, cookie, connect)
  const server = net.createServer({ allowHalfOpen: true }, connection => hosts.receive(connection).catch(error => {
    console.error('the host could not be served:', error)
    process.exit(1)
  }))
  server.on('error', error => fail(name, error.message)).listen(at, () => process.stderr.write(
    `${kind} ${name} waits for a host, whose configuration has:\n\n    plugins:\n      ${kind}:\n        address: unix://${at}\n\n`))
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      fs.rmSync(at, { force: true })
      process.exit(0)
    })
  }
}

function fail (name, why) {
  process.stderr.write(`${name}: ${why}\n`)
  process.exit(64)
}

function ownPath ({ kind, name }) {
  const directory = process.env.XDG_RUNTIME_DIR || os.tmpdir()
  return path.join(directory, `pontoon-attach-${process.getuid()}`, `${kind}-${name}.sock`)
}

// prepare makes the directory, which no other user may enter, and removes what is left of a
// plugin that has ended.
async function prepare (at) {
  if (Buffer.byteLength(at) > MAX_PATH) throw new Error(`the path ${at} has more than ${MAX_PATH} bytes`)
  const directory = path.dirname(at)
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 })
  const found = fs.statSync(directory)
  if (found.uid !== process.getuid() || (found.mode & 0o077) !== 0) {
    throw new Error(`the directory ${directory} must belong to this user alone: chmod 700 it, or give a path in another one`)
  }
  const answers = await new Promise(resolve => {
    const probe = net.connect(at, () => { probe.destroy(); resolve(true) }).on('error', () => resolve(false))
  })
  if (answers) throw new Error(`a plugin listens on ${at} already: end it, or give another path`)
  remove(at)
}

function remove (at) {
  if (fs.lstatSync(at, { throwIfNoEntry: false })?.isSocket()) fs.unlinkSync(at)
}

// Hosts are served one after the other, each with a machine that was never open.
class Hosts {
  constructor (at, cookie, connect) {
    this.at = at
    this.cookie = cookie
    this.connect = connect
    this.served = 0
    this.taken = false
    this.told = '' // why a host was refused, as the log has it, since the last one attached
  }

  async receive (connection) {
    connection.on('error', () => {}) // its end is told by close
    let why = await this.refusal(connection)
    if (!why && this.taken) why = 'another host is attached to it, or one that has gone left calls that still run'
    if (why) {
      if (why !== this.told) console.warn('a host was refused: %s', why) // one that waits asks every second
      this.told = why
      connection.end(`-|${why}\n`)
      return
    }
    this.taken = true
    await this.serve(connection)
    this.taken = false
  }

  async serve (connection) {
    const at = `${this.at}.${++this.served}`
    remove(at)
    const gone = new Promise(resolve => connection.on('end', resolve).on('close', resolve).resume())
    const end = await this.connect(at)
    connection.write(`1|1|unix|${at}|grpc|\n`)
    console.info('a host has attached')
    this.told = ''
    await gone
    console.info('the host has gone')
    await end()
    remove(at)
    connection.destroy()
  }

  // refusal is why the greeting is not that of a host that this plugin understands.
  async refusal (connection) {
    const text = await greeting(connection)
    const has = Object.fromEntries(text.split('\n').filter(line => line.includes('=')).map(line => {
      const at = line.indexOf('=')
      return [line.slice(0, at), line.slice(at + 1)]
    }))
    if (!text.endsWith('\n\n') || has.PONTOON_PLUGIN !== this.cookie) return 'the other end is not a Pontoon host'
    if (!(has.PLUGIN_PROTOCOL_VERSIONS || '').split(',').includes('1')) {
      return 'the host speaks other versions of the plugin protocol than 1'
    }
    return ''
  }
}

// greeting is what comes first, up to an empty line, the end, or the end of patience.
function greeting (connection) {
  return new Promise(resolve => {
    let text = ''
    const done = () => {
      clearTimeout(timer)
      connection.removeAllListeners('data')
      resolve(text)
    }
    const timer = setTimeout(done, PATIENCE)
    connection.on('data', bytes => {
      text += bytes.toString('latin1')
      if (text.endsWith('\n\n') || text.length > GREETING) done()
    }).on('end', done).on('close', done)
  })
}

module.exports = { attach }

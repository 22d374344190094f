'use strict'

// The thread that has the socket and the lifeline. The machine's methods run in another one,
// so that the session is answered and the end is noticed whatever they are at (P-6, P-16).

const fs = require('fs')
const net = require('net')
const { parentPort, workerData } = require('worker_threads')

const { Exchange } = require('./exchange')
const grpc = require('./grpc')
const log = require('./log')
const { SHUTDOWN, servicesOf } = require('./session')

const PATIENCE = 200 // ms for the machine's thread to end the process by itself

function start () {
  const { description, hasMetrics, socket, attached, paths } = workerData
  if (!attached) log.takeConsole()
  const exchange = new Exchange(parentPort)
  const asked = []
  parentPort.on('message', message => {
    if (Array.isArray(message)) exchange.take(message)
    else asked.splice(0).forEach(answer => answer(message.metrics))
  })
  const services = servicesOf(description, tell, hasMetrics && (answer => {
    if (asked.push(answer) === 1) tell('metrics')
  }))
  const known = new Set(paths)
  const open = (path, stream) => {
    if (Object.hasOwn(services, path)) return services[path](stream)
    return known.has(path) ? remote(exchange, path, stream) : null
  }
  if (attached) delete services[SHUTDOWN] // the host that goes hangs up
  net.createServer(connection => grpc.take(connection, open)).listen(socket, () => {
    if (attached) {
      tell('listening')
      return
    }
    fs.writeSync(1, `1|1|unix|${socket}|grpc|\n`)
    watch()
  })
}

// remote is a call that the machine's thread serves.
function remote (exchange, path, stream) {
  const id = exchange.open(path, stream)
  return {
    message: raw => exchange.message(id, raw),
    end: () => exchange.end(id),
    cancel: () => exchange.cancel(id)
  }
}

function tell (what, value) {
  parentPort.postMessage({ [what]: value === undefined ? true : value })
  if (what === 'end') setTimeout(() => process.kill(process.pid, 'SIGKILL'), PATIENCE)
}

// watch ends the process with its standard input (P-6).
function watch () {
  let input
  try {
    input = new net.Socket({ fd: 0, readable: true, writable: false })
  } catch {
    input = fs.createReadStream('', { fd: 0 }) // a file, or a device
  }
  input.on('error', () => tell('end')).on('end', () => tell('end')).resume()
}

module.exports = { start }
